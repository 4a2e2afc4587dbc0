import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { startPostgresServer } from '../src/index.ts';
import { runningProcess } from '../src/running-process.ts';

const OWNER = `
import { startPostgresServer } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
const server = await startPostgresServer({ dataDir: process.argv[1], settings: { fsync: 'off' } });
console.log(server.pid);
`;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const release of cleanUp.splice(0).reverse()) await release();
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-postgres-'));
  cleanUp.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function startOwner(dataDir: string): Promise<{ owner: ChildProcess; pid: number }> {
  const owner = spawn(process.execPath, ['--input-type=module', '-e', OWNER, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true, // in a process group of its own, as the shell starts it
  });
  let pid: number | undefined;
  cleanUp.push(async () => {
    owner.kill('SIGKILL');
    if (pid !== undefined) await gone(pid); // it writes to its folder until then
  });
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string];
  pid = Number(line);
  return { owner, pid };
}

async function guardOf(pid: number): Promise<number> {
  for (const name of await readdir('/proc')) {
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('postmaster-guard') && command.endsWith(`\0${pid}\0`)) return Number(name);
  }
  throw new Error(`The server ${pid} has no guard`);
}

async function gone(pid: number): Promise<void> {
  while (await runningProcess(pid)) await sleep(20);
}

test('when its owner is killed by SIGKILL the server stops too, and so does its guard', async () => {
  const { owner, pid } = await startOwner(await newFolder());
  const guard = await guardOf(pid);
  owner.kill('SIGKILL');
  await gone(pid);
  await gone(guard);
});

test('signals to the process group of the owner, as Ctrl-C sends them, do not reach the server', async () => {
  const { owner, pid } = await startOwner(await newFolder());
  const groupOf = async (id: number) => (await readFile(`/proc/${id}/stat`, 'utf8')).split(') ')[1]?.split(' ')[2];
  expect(await groupOf(owner.pid as number)).toBe(String(owner.pid));
  expect(await groupOf(pid)).toBe(String(pid));
  expect(await groupOf(await guardOf(pid))).not.toBe(String(owner.pid));
});

test('a folder whose owner lives in another process is told with that process', async () => {
  const dataDir = await newFolder();
  const { owner } = await startOwner(dataDir);
  await expect(startPostgresServer({ dataDir })).rejects.toThrow(`is in use: process ${owner.pid} runs its PostgreSQL`);
});

test('a server left behind without owner and guard is stopped before the next start', async () => {
  const dataDir = await newFolder();
  const { owner, pid } = await startOwner(dataDir);
  process.kill(await guardOf(pid), 'SIGKILL');
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  expect(await runningProcess(pid)).toBeDefined();
  const server = await startPostgresServer({ dataDir });
  cleanUp.push(() => server.stop());
  expect(await runningProcess(pid)).toBeUndefined();
});

test('a first start killed at any moment leaves nothing that hinders the next', async () => {
  const dataDir = await newFolder();
  for (const afterMs of [60, 150, 300, 450, 600]) {
    const owner = spawn(process.execPath, ['--input-type=module', '-e', OWNER, dataDir], { stdio: 'ignore' });
    await sleep(afterMs); // the moment is the point here
    owner.kill('SIGKILL');
    await once(owner, 'exit');
  }
  const server = await startPostgresServer({ dataDir });
  await server.stop();
});
