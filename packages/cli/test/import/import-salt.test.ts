import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { UsageError } from '../../src/errors.ts';
import { importSalt } from '../../src/import/import-salt.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-salt-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the salt of an import', () => {
  test('is made at the first import, for its owner alone, and stays, also when several begin at once', async () => {
    const dataDir = join(folder, 'data');
    const salts = await Promise.all(Array.from({ length: 5 }, () => importSalt({ dataDir })));
    expect(new Set(salts).size).toBe(1);
    expect(await importSalt({ dataDir })).toBe(salts[0]);
    expect(salts[0]?.length).toBe(43);
    const file = join(dataDir, 'import-salt');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect((await readFile(file, 'utf8')).trim()).toBe(salts[0]);
  });

  test('comes from a file where one is named, and then the data folder is not made', async () => {
    const saltFile = join(folder, 'salt');
    await writeFile(saltFile, 'sixteen letters!\n');
    expect(await importSalt({ dataDir: join(folder, 'none'), saltFile })).toBe('sixteen letters!');
    await expect(stat(join(folder, 'none'))).rejects.toThrow('ENOENT');
  });

  test('that is missing or too short is told of in a sentence', async () => {
    const saltFile = join(folder, 'salt');
    const salt = () => importSalt({ dataDir: folder, saltFile });
    await expect(salt()).rejects.toThrow(UsageError);
    await expect(salt()).rejects.toThrow(/cannot be read: ENOENT/);
    await writeFile(saltFile, 'short');
    await expect(salt()).rejects.toThrow('must hold at least 16 characters');
    // Nor is one that a crash or a hand left empty in the data folder taken for a new one.
    await writeFile(join(folder, 'import-salt'), '');
    await expect(importSalt({ dataDir: folder })).rejects.toThrow('must hold at least 16 characters');
  });
});
