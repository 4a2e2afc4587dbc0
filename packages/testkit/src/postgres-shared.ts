import { spawn } from 'node:child_process';
import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { isProcessAlive, withFolderLock } from './kafka-lock.ts';

const FOLDER_PREFIX = 'wayline-postgres-shared-';

/** Jest's main process, from one of its workers (they are joined to it by a channel) as from itself. */
const runPid = (): number => (process.connected ? process.ppid : process.pid);

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

/** Removes the folders of runs that are gone, should their holders have gone with them. */
async function sweepStaleFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    if (!name.startsWith(FOLDER_PREFIX) || isProcessAlive(Number(name.slice(FOLDER_PREFIX.length)))) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 5 }).catch(() => {}); // its holder may be at it, too
  }
}

async function readServer(folder: string): Promise<{ url?: string; error?: string } | undefined> {
  const text = await readFile(join(folder, 'server.json'), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}

async function startHolder(owner: number, folder: string): Promise<string> {
  const program = fileURLToPath(new URL('../dist/postgres-holder.js', import.meta.url));
  await access(program).catch(() => {
    throw new Error('The PostgreSQL of the tests needs a build of the testkit: run npm run build');
  });
  await rm(join(folder, 'server.json'), { force: true });
  const holder = spawn(process.execPath, [program, String(owner), folder], { detached: true, stdio: 'ignore' });
  holder.unref();
  for (let tries = 0; tries < 6000; tries++) {
    const told = await readServer(folder);
    if (told?.url) return told.url;
    if (told?.error) throw new Error(`No PostgreSQL can be had for the tests: ${told.error}`);
    if (holder.exitCode !== null) break;
    await sleep(20);
  }
  throw new Error('The PostgreSQL of the tests was not started by its holder');
}

/**
 * The address, as superuser, of the server that all test files of a run share: that of WAYLINE_TEST_DATABASE_URL, else
 * one (a container where a Docker engine answers, else a process) that the first who asks starts, and that goes with
 * the run. It does not sync to disk.
 */
export async function sharedPostgres(): Promise<string> {
  const address = process.env.WAYLINE_TEST_DATABASE_URL;
  if (address) return address;
  const owner = runPid();
  const folder = join(tmpdir(), `${FOLDER_PREFIX}${owner}`);
  await mkdir(folder, { recursive: true, mode: 0o711 });
  return withFolderLock(join(folder, 'lock'), 120_000, async () => {
    const known = await readServer(folder);
    if (known?.url && (await answers(known.url))) return known.url;
    await sweepStaleFolders();
    return startHolder(owner, folder);
  });
}
