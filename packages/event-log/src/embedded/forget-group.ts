import { lockFolder } from './folder-lock.ts';
import { openLogFile } from './log-file.ts';

/**
 * Takes a group that is gone for good out of a log that no process has open: what only it has not read can be trimmed
 * from then on. A group of that name that reads again later begins wherever its consumers say.
 * @returns how many partitions it held back; 0 if the log does not know it
 * @throws LogSetupError if a process has the log open, or it cannot be used
 */
export async function forgetGroup(folder: string, group: string): Promise<number> {
  const lock = await lockFolder(folder);
  try {
    const file = await openLogFile(folder, []);
    try {
      const forgotten = [...file.positions().keys()].filter((key) => groupOf(key) === group);
      if (forgotten.length > 0) await file.write({ chunks: [], positions: new Map(), forgotten });
      return forgotten.length;
    } finally {
      await file.close();
    }
  } finally {
    await lock.release();
  }
}

/** Of a `positionKey`. */
const groupOf = (key: string): string | undefined => /^\d+\/\d+\/(.*)$/s.exec(key)?.[1];
