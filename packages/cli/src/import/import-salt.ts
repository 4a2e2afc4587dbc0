import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dataFolder, makeDataFolder } from '../data-folder.ts';
import { messageOf, UsageError } from '../errors.ts';
import { writePrivateFile } from '../private-file.ts';

const LEAST_CHARACTERS = 16;

/**
 * The salt of the pseudonyms: that of the file, else the one kept in the data folder, which the first import makes. The
 * same salt must be used again for a second run to find its events.
 * @throws UsageError if it cannot be read, or is too short to keep anything secret
 */
export async function importSalt({ saltFile, dataDir }: { saltFile?: string; dataDir: string }): Promise<string> {
  if (saltFile !== undefined) return readSalt(saltFile);
  const folder = dataFolder(dataDir);
  const file = join(folder.path, 'import-salt');
  try {
    return await readSalt(file);
  } catch (error) {
    if (!(error instanceof UsageError && (error.cause as NodeJS.ErrnoException)?.code === 'ENOENT')) throw error;
  }
  await makeDataFolder(folder);
  await writePrivateFile(file, `${randomBytes(32).toString('base64url')}\n`, { replace: false });
  return readSalt(file); // another import may have made it a moment before
}

async function readSalt(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new UsageError(`The salt file ${file} cannot be read: ${messageOf(cause)}.`, { cause });
  });
  const salt = text.trim();
  if (salt.length >= LEAST_CHARACTERS) return salt;
  throw new UsageError(`The salt file ${file} must hold at least ${LEAST_CHARACTERS} characters.`);
}
