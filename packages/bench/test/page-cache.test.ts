import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { forgetLogFiles } from '../src/measure/page-cache.ts';

const run = promisify(execFile);
const onLinux = process.platform === 'linux' ? describe : describe.skip;
const TMPFS = 0x01021994;
const CONTENT = Buffer.alloc(1024 * 1024, 'what a broker wrote ');

let folder: string;
beforeEach(async () => {
  // Beside the test: a folder for temporary files is often in memory.
  folder = await mkdtemp(join(import.meta.dirname, 'page-cache-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** In memory there is nothing but the page cache. */
const leastCached = async (): Promise<number> => ((await statfs(folder)).type === TMPFS ? CONTENT.length : 0);

async function cachedBytes(name: string): Promise<number> {
  const { stdout } = await run('fincore', ['--bytes', '--noheadings', '--output', 'RES', join(folder, name)]);
  return Number(stdout);
}

onLinux('the log files that a process has open', () => {
  test('leave the page cache as they are, and no others do', async () => {
    const names = ['00000.log', '00000.index', 'other.log'];
    for (const name of names) await writeFile(join(folder, name), CONTENT);
    const broker = spawn('sh', ['-c', 'exec 3<00000.log 4<00000.index; echo open; read -r line'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(broker.stdout, 'data');
    await forgetLogFiles(broker.pid);
    const all = CONTENT.length;
    expect(await Promise.all(names.map(cachedBytes))).toEqual([await leastCached(), all, all]);
    broker.stdin.end();
    await once(broker, 'exit');
    expect((await readdir(folder)).sort()).toEqual([...names].sort());
    for (const name of names) expect((await readFile(join(folder, name))).equals(CONTENT)).toBe(true);
  });

  test('of a process that is gone there are none', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    await forgetLogFiles(child.pid);
  });
});
