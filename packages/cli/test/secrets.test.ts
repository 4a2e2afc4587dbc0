import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { makeSecrets, readSecrets } from '../src/secrets.ts';

let folder: string;
let file: string;
let warnings: string[];
const warn = (sentence: string) => warnings.push(sentence);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-secrets-'));
  file = join(folder, 'secrets.json');
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true }));

test('makes a file of mode 0600 with a secret of its own, and leaves an existing one alone', async () => {
  expect(await makeSecrets(file)).toBe(true);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const made = await readFile(file, 'utf8');
  const secrets = await readSecrets(file, warn);
  expect(secrets[0]).toMatch(/^[\w-]{64}$/);

  expect(await makeSecrets(file)).toBe(false);
  expect(await readFile(file, 'utf8')).toBe(made);
  expect(await readdir(folder)).toEqual(['secrets.json']);
  expect(warnings).toEqual([]);
});

test('warns of a file that others can read', async () => {
  await makeSecrets(file);
  await chmod(file, 0o644);
  await readSecrets(file, warn);
  expect(warnings).toEqual([`The secret file ${file} can be read by others than its owner; run: chmod 600 ${file}`]);
});

test.each([
  ['no JSON', 'secret'],
  ['a short secret', '{"secrets": ["tooshort"]}'],
  ['no secret', '{"secrets": []}'],
  ['a secret that is no base64url', `{"secrets": ["${'ä'.repeat(40)}"]}`],
  ['another form', '["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]'],
  ['null', 'null'],
])('refuses a file with %s, and shows nothing of it', async (_what, content) => {
  await writeFile(file, content, { mode: 0o600 });
  await expect(readSecrets(file, warn)).rejects.toThrow(
    `The secret file ${file} does not have the form {"secrets": ["<base64url, 32 characters or more>"]}.`,
  );
});

test('says that a file is not there', async () => {
  await expect(readSecrets(file, warn)).rejects.toThrow(/^The secret file .* cannot be read: ENOENT/);
});
