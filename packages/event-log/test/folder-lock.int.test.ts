import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type FolderLock, lockFolder } from '../src/embedded/folder-lock.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function contend(count: number): Promise<FolderLock[]> {
  const results = await Promise.allSettled(Array.from({ length: count }, () => lockFolder(folder)));
  return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
}

test('of many that find a stale lock at once, one takes it over', async () => {
  for (let round = 1; round <= 30; round++) {
    const stale = { pid: 1, startedAt: 'long ago', bootId: 'another', pidNamespace: '' };
    await writeFile(join(folder, `lock.${round * 100}`), JSON.stringify(stale));
    const holders = await contend(12);
    expect(holders.length).toBe(1);
    await holders[0]?.release();
  }
  expect(await readdir(folder)).toEqual(['lock.3001']);
});

// Its bytes are not synced: the name may outlive them, with zeros in their stead.
test.each([
  { what: 'a part', left: '{"pid":12,"star' },
  { what: 'zeros', left: '\0'.repeat(120) },
  { what: 'null', left: 'null' },
  { what: 'no process', left: '{}' },
])('a lock of which a power loss has left $what only is free', async ({ left }) => {
  await writeFile(join(folder, 'lock.7'), left);
  const [holder, ...others] = await contend(3);
  expect([holder, others.length]).toEqual([expect.anything(), 0]);
  expect(await readdir(folder)).toEqual(['lock.8']);
  await holder?.release();
});

test('a lock that was released is free, and one that is held is not', async () => {
  for (let round = 0; round < 10; round++) {
    const [holder, ...others] = await contend(5);
    expect(others).toEqual([]);
    await expect(lockFolder(folder)).rejects.toThrow('in use by this process itself');
    await holder?.release();
  }
});
