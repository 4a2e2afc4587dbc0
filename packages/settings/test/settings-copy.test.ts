import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readSettingsCopy, writeSettingsCopy } from '../src/settings-copy.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-copy-'));
  file = join(folder, 'settings.ndjson');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a copy is read as it was written, by its owner alone, and nothing lies beside it', async () => {
  const entries = Array.from({ length: 2500 }, (_, i) => [`key:1:k${i}`, `{"version":${i},"name":"ä b"}`] as const);
  await writeSettingsCopy(file, { logId: 'log-1', entries: entries.slice(0, 2) });
  await writeSettingsCopy(file, { logId: 'log-1', entries });
  expect(await readSettingsCopy(file)).toEqual({ logId: 'log-1', entries });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['settings.ndjson']);
});

test('where there is no copy there is nothing to read', async () => {
  expect(await readSettingsCopy(file)).toBeUndefined();
});

test.each(['', 'not json\n', '{"format":2,"logId":"log-1"}\n', '{"format":1}\n', 'null\n'])(
  'what is no copy is told: %j',
  async (text) => {
    await writeFile(file, text);
    await expect(readSettingsCopy(file)).rejects.toThrow();
  },
);

test('a copy that cannot be written leaves the one before as it was', async () => {
  await writeSettingsCopy(file, { logId: 'log-1', entries: [['project:1', '{"version":1}']] });
  const failing = {
    [Symbol.iterator](): Iterator<readonly [string, string]> {
      throw new Error('the entries of the test fail');
    },
  };
  await expect(writeSettingsCopy(file, { logId: 'log-1', entries: failing })).rejects.toThrow('of the test');
  expect((await readSettingsCopy(file))?.entries).toEqual([['project:1', '{"version":1}']]);
  expect(await readdir(folder)).toEqual(['settings.ndjson']);
});
