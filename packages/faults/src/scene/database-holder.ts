// A PostgreSQL server and copies of its data folder, in a process of its own, because the folder may be on a small disk
// that only this process sees: `node database-holder.js DATA_FOLDER COPIES_FOLDER` prints `listening PORT`, and then obeys
// POST /ACTION?name=…, one at a time; the answer is JSON, 500 with `{error}` where it failed.
import { execFile } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type PostgresServer, startPostgresServer } from '@wayline/postgres-server';

const run = promisify(execFile);

/** Little of the disk for the log of PostgreSQL; it is as durable as it is by default. */
const SETTINGS = { max_wal_size: '96MB', min_wal_size: '32MB', shared_buffers: '64MB', max_connections: '100' };

const [dataDir, copiesDir] = process.argv.slice(2) as [string, string];
const cluster = join(dataDir, 'cluster');
const copyOf = (name: string) => join(copiesDir, name);

let server: PostgresServer | undefined;
let port: number | undefined;
let startedAgain = 0;

async function start(): Promise<{ url: string; startedAgain: number }> {
  if (!server) {
    const started = await startPostgresServer({ dataDir, port, settings: SETTINGS });
    if (port !== undefined) startedAgain++;
    port = started.port;
    server = started;
    void started.exited.then(() => {
      if (server === started) server = undefined;
    });
  }
  return { url: server.connectionString('postgres'), startedAgain };
}

async function kill(): Promise<void> {
  if (!server) return;
  const { pid, exited } = server;
  process.kill(pid, 'SIGKILL');
  await exited;
}

/** Of all files with their owners and modes; PostgreSQL must be down. */
async function copy(from: string, to: string): Promise<void> {
  if (server) throw new Error('PostgreSQL runs');
  await rm(to, { recursive: true, force: true });
  await run('cp', ['-a', from, to]);
}

const ACTIONS: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
  start,
  stop: async () => server?.stop('immediate'),
  kill,
  keep: (name) => copy(cluster, copyOf(name)),
  restore: (name) => copy(copyOf(name), cluster),
  end: async () => server?.stop('immediate'),
};

await mkdir(copiesDir, { recursive: true });
let turn: Promise<unknown> = Promise.resolve();
const http = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://holder');
  const action = ACTIONS[pathname.slice(1)];
  turn = turn
    .then(() => action?.(searchParams.get('name') ?? ''))
    .then(
      (answer) => response.end(JSON.stringify(answer ?? {})),
      (error: unknown) => response.writeHead(500).end(JSON.stringify({ error: String(error) })),
    )
    .then(() => (pathname === '/end' ? http.close() : undefined));
});
http.listen(0, '127.0.0.1', () => process.stdout.write(`listening ${(http.address() as AddressInfo).port}\n`));
