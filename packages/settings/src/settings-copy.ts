import { randomUUID } from 'node:crypto';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What a copy on disk holds: of which log it is, and keys and texts of the settings. */
export interface SettingsCopy {
  logId: string;
  entries: (readonly [key: string, text: string])[];
}

const FORMAT = 1;
const LINES_AT_ONCE = 1000;

/**
 * Reads a copy: a line about itself, then one for each setting, key and value with a space between.
 * @returns undefined if there is none
 * @throws if it cannot be read, or is no copy
 */
export async function readSettingsCopy(file: string): Promise<SettingsCopy | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const [head = '', ...lines] = text.split('\n');
  const { format, logId } = JSON.parse(head) as { format?: unknown; logId?: unknown };
  if (format !== FORMAT || typeof logId !== 'string') throw new TypeError('it was made by another version');
  return {
    logId,
    entries: lines.flatMap((line) => {
      const space = line.indexOf(' ');
      return space > 0 ? [[line.slice(0, space), line.slice(space + 1)] as const] : [];
    }),
  };
}

/** Writes a copy, for its owner alone; whole or not at all, because it is made under another name first. */
export async function writeSettingsCopy(
  file: string,
  { logId, entries }: { logId: string; entries: Iterable<readonly [key: string, text: string]> },
): Promise<void> {
  const draft = `${file}.${randomUUID()}.tmp`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    let lines = [JSON.stringify({ format: FORMAT, logId })];
    // All at one moment: while the parts are written, the settings may change.
    for (const [key, text] of [...entries]) {
      lines.push(`${key} ${text}`);
      if (lines.length < LINES_AT_ONCE) continue;
      await handle.write(`${lines.join('\n')}\n`);
      lines = [];
      await nextTurn();
    }
    await handle.write(`${lines.join('\n')}\n`);
    await handle.sync();
    await handle.close();
    await rename(draft, file);
  } catch (error) {
    await handle.close().catch(() => {});
    await unlink(draft).catch(() => {});
    throw error;
  }
}
