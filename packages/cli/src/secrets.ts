import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { messageOf, UsageError } from './errors.ts';
import { writePrivateFile } from './private-file.ts';

/** Texts that sign keys and tokens: the first signs, all verify. At least one. */
export type Secrets = readonly [string, ...string[]];

const SECRET = /^[A-Za-z0-9_-]{32,}$/;
const FORM = '{"secrets": ["<base64url, 32 characters or more>"]}';

/**
 * Reads a secret file. `warn` is told if others than its owner may read it.
 * @throws UsageError with a sentence that says what is wrong with it; never with any of its content
 */
export async function readSecrets(file: string, warn: (sentence: string) => void): Promise<Secrets> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
    if (readableByOthers(await stat(file))) {
      warn(`The secret file ${file} can be read by others than its owner; run: chmod 600 ${file}`);
    }
  } catch (error) {
    throw new UsageError(`The secret file ${file} cannot be read: ${messageOf(error)}`);
  }
  const secrets = parse(content);
  if (!secrets) throw new UsageError(`The secret file ${file} does not have the form ${FORM}.`);
  return secrets;
}

/** Where the file is not ours, it is the group through which we read it (a secret that Kubernetes mounts). */
function readableByOthers({ mode, uid }: Stats): boolean {
  if (process.platform === 'win32') return false;
  return (mode & (uid === process.getuid?.() ? 0o077 : 0o007)) !== 0;
}

function parse(content: string): Secrets | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  const secrets: unknown = (value as { secrets?: unknown } | null)?.secrets;
  if (!Array.isArray(secrets) || secrets.length === 0) return undefined;
  return secrets.every((secret) => typeof secret === 'string' && SECRET.test(secret))
    ? (secrets as [string])
    : undefined;
}

/** Makes a secret file of mode 0600 with one new secret; false, and nothing done, if the file exists. */
export async function makeSecrets(file: string): Promise<boolean> {
  const secrets = [randomBytes(48).toString('base64url')];
  return await writePrivateFile(file, `${JSON.stringify({ secrets }, null, 2)}\n`, { replace: false });
}
