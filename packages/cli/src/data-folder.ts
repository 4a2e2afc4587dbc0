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
  /** The copy of the settings, mode 0600. */
  settingsFile: string;
  logFolder: string;
  postgresFolder: string;
}

export function dataFolder(directory: string): DataFolder {
  const path = resolve(directory);
  return {
    path,
    secretFile: join(path, 'secrets.json'),
    devFile: join(path, 'dev.json'),
    settingsFile: settingsFileIn(path),
    logFolder: join(path, 'log'),
    postgresFolder: join(path, 'postgres'),
  };
}

/**
 * Makes the folder, for its owner alone, where there is none.
 * @throws UsageError if it cannot be made or written
 */
export async function makeDataFolder(folder: DataFolder): Promise<void> {
  await makeFolder(folder.path, 'data folder', 'WAYLINE_DATA_DIR');
}

/**
 * Where a role on its own keeps the copy of the settings: in its state folder, which is made; undefined where it has none.
 * @throws UsageError if the folder cannot be made or written
 */
export async function stateSettingsFile(directory: string | undefined): Promise<string | undefined> {
  if (directory === undefined) return undefined;
  const path = resolve(directory);
  await makeFolder(path, 'state folder', 'WAYLINE_STATE_DIR');
  return settingsFileIn(path);
}

const settingsFileIn = (folder: string): string => join(folder, 'settings.ndjson');

async function makeFolder(path: string, what: string, variable: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = REASONS[code ?? ''] ?? message;
    throw new UsageError(`The ${what} ${path} cannot be written: ${why}. Set ${variable} to another.`);
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
