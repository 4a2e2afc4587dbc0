// Holds the PostgreSQL that the test files of a run share, and outlives nobody: `node postgres-holder.js OWNER_PID FOLDER`
// writes FOLDER/server.json (`{url}`, or `{error}`) and, as soon as the owner is gone, however it went, stops the server
// and removes the folder.
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgresServer } from '@wayline/postgres-server';
import { dockerAnswers } from './kafka-availability.ts';
import { isProcessAlive } from './kafka-lock.ts';

const IMAGE = 'postgres:18';
const PORT = 5432;

// What a test means by "stored" does not need a disk; tests of durability start a server of their own.
const SETTINGS = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' };

interface Held {
  url: string;
  stop(): Promise<unknown>;
}

async function startContainer(): Promise<Held> {
  const { GenericContainer, Wait } = await import('testcontainers'); // slow to load
  const password = 'only-for-tests';
  const container = await new GenericContainer(IMAGE)
    .withEnvironment({ POSTGRES_USER: 'wayline', POSTGRES_PASSWORD: password })
    .withCommand(Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]))
    .withTmpFs({ '/var/lib/postgresql': 'rw' })
    .withExposedPorts(PORT)
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const url = `postgresql://wayline:${password}@${container.getHost()}:${container.getMappedPort(PORT)}/postgres`;
  return { url, stop: () => container.stop({ timeout: 0 }) };
}

async function startProcess(folder: string): Promise<Held> {
  const server = await startPostgresServer({ dataDir: join(folder, 'postgres'), settings: SETTINGS });
  return { url: server.connectionString('postgres'), stop: () => server.stop('immediate') };
}

async function hold(owner: number, folder: string): Promise<void> {
  const tell = async (what: { url: string } | { error: string }) => {
    await writeFile(join(folder, 'server.json.new'), JSON.stringify(what));
    await rename(join(folder, 'server.json.new'), join(folder, 'server.json')); // never seen half written
  };
  let held: Held | undefined;
  try {
    held = (await dockerAnswers()) ? await startContainer() : await startProcess(folder);
    await tell({ url: held.url });
  } catch (error) {
    await tell({ error: (error as Error).message });
    return;
  }
  while (isProcessAlive(owner)) await sleep(300);
  await held.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {}); // a Ctrl-C goes to the owner
const [owner, folder] = process.argv.slice(2) as [string, string];
await hold(Number(owner), folder);
