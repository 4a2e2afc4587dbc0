import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UsageError } from './errors.ts';

/** Where things are in the data folder of `wayline all`; absolute paths. */
export interface DataFolder {
  path: string;
  /** The secrets that sign keys and tokens, mode 0600. */
  secretFile: string;
  /** Address, key and token of the running one, mode 0600. */
  devFile: string;
  logFolder: string;
  postgresFolder: string;
}

export function dataFolder(directory: string): DataFolder {
  const path = resolve(directory);
  return {
    path,
    secretFile: join(path, 'secrets.json'),
    devFile: join(path, 'dev.json'),
    logFolder: join(path, 'log'),
    postgresFolder: join(path, 'postgres'),
  };
}

/**
 * Makes the folder, for its owner alone, where there is none.
 * @throws UsageError if it cannot be made or written
 */
export async function makeDataFolder(folder: DataFolder): Promise<void> {
  try {
    await mkdir(folder.path, { recursive: true, mode: 0o700 });
    await access(folder.path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = REASONS[code ?? ''] ?? message;
    throw new UsageError(`The data folder ${folder.path} cannot be written: ${why}. Set WAYLINE_DATA_DIR to another.`);
  }
}

const REASONS: Record<string, string> = {
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'it is a file',
};
