import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Client } from 'pg';
import { type PostgresServer, type PostgresServerOptions, startPostgresServer } from '../src/index.ts';

const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const release of cleanUp.splice(0).reverse()) await release();
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-postgres-')); // mode 0700
  cleanUp.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(options: PostgresServerOptions): Promise<PostgresServer> {
  const server = await startPostgresServer({ settings: { fsync: 'off' }, ...options });
  cleanUp.push(() => server.stop());
  return server;
}

async function query(server: PostgresServer, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: server.connectionString('postgres') });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

test('a database is made at the first start, and found with its data, port and password at the next', async () => {
  const dataDir = join(await newFolder(), 'made', 'by it');
  const first = await start({ dataDir });
  expect(await query(first, 'SHOW server_encoding')).toEqual([['UTF8']]);
  expect(await query(first, "SELECT datcollate, datlocale FROM pg_database WHERE datname = 'template1'")).toEqual([
    ['C', 'C.UTF-8'],
  ]);
  await query(first, "CREATE TABLE kept AS SELECT 'Grüße'::text AS word");
  await first.stop();
  await first.exited;

  const second = await start({ dataDir });
  expect(second.port).toBe(first.port);
  expect(second.connectionString('postgres')).toBe(first.connectionString('postgres'));
  expect(await query(second, 'SELECT word FROM kept')).toEqual([['Grüße']]);
});

test('it listens on the loopback address only, asks for the password, and settings reach it', async () => {
  const dataDir = await newFolder();
  const server = await start({ dataDir, settings: { fsync: 'off', work_mem: '5MB', listen_addresses: '*' } });
  expect(await query(server, 'SHOW listen_addresses')).toEqual([['127.0.0.1']]);
  expect(await query(server, 'SHOW unix_socket_directories')).toEqual([['']]);
  expect(await query(server, 'SHOW work_mem')).toEqual([['5MB']]);
  const url = new URL(server.connectionString('postgres'));
  expect(url.password.length).toBeGreaterThanOrEqual(32);
  url.password = 'postgres';
  const stranger = new Client({ connectionString: url.href });
  await expect(stranger.connect()).rejects.toThrow('password authentication failed');
  expect((await stat(join(dataDir, 'password'))).mode & 0o777).toBe(0o600);
});

test('the port of the last start is given up when it is taken, and a port asked for is told to be taken', async () => {
  const dataDir = await newFolder();
  const first = await start({ dataDir });
  await first.stop();
  const other = createServer().listen(first.port, '127.0.0.1');
  await once(other, 'listening');
  cleanUp.push(async () => other.close());
  const second = await start({ dataDir });
  expect(second.port).not.toBe(first.port);
  await second.stop();
  await expect(start({ dataDir, port: first.port })).rejects.toThrow(`Port ${first.port} for PostgreSQL is taken`);
  const third = await start({ dataDir, port: second.port });
  expect(third.port).toBe(second.port);
});

test('a folder in use is told with the process that uses it, and the server there is left alone', async () => {
  const dataDir = await newFolder();
  const first = await start({ dataDir });
  await expect(start({ dataDir })).rejects.toThrow(
    `is in use: this process itself runs its PostgreSQL (process ${first.pid})`,
  );
  expect(await query(first, 'SELECT 1')).toEqual([[1]]);
});

test('two that start at once on a new folder make one database, and one of them is refused', async () => {
  const dataDir = await newFolder();
  const results = await Promise.allSettled([start({ dataDir }), start({ dataDir })]);
  expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
  const refused = results.find((result) => result.status === 'rejected');
  expect(refused?.reason).toMatchObject({ name: 'PostgresServerError' });
});

test('a crash is told by onExit, and the next start has what was committed', async () => {
  const dataDir = await newFolder();
  const told = new Promise<Error>((resolve) => {
    void start({ dataDir, onExit: resolve, settings: {} }).then(async (server) => {
      await query(server, 'CREATE TABLE kept AS SELECT 7 AS number');
      process.kill(server.pid, 'SIGKILL');
    });
  });
  expect((await told).message).toContain('was ended by SIGKILL');
  const next = await start({ dataDir });
  expect(await query(next, 'SELECT number FROM kept')).toEqual([[7]]);
});

test('stopping is not a crash: onExit stays silent, sessions are ended, and a second stop is fine', async () => {
  let exits = 0;
  const server = await start({ dataDir: await newFolder(), onExit: () => exits++ });
  const session = new Client({ connectionString: server.connectionString('postgres') });
  session.on('error', () => {});
  await session.connect();
  const ended = new Promise((resolve) => session.once('end', resolve));
  await Promise.all([server.stop(), server.stop()]);
  await ended;
  await server.stop();
  const immediate = await start({ dataDir: await newFolder(), onExit: () => exits++ });
  await immediate.stop('immediate');
  expect(exits).toBe(0);
});

test('a lock file whose process id was given to another process since does not hinder the start', async () => {
  const dataDir = await newFolder();
  await (await start({ dataDir })).stop();
  const stranger = spawn('sleep', ['60']);
  cleanUp.push(async () => stranger.kill());
  const lock = join(dataDir, 'cluster', 'postmaster.pid');
  await writeFile(lock, `${stranger.pid}\n${join(dataDir, 'cluster')}\n1\n5432\n\n127.0.0.1\n`);
  expect(await query(await start({ dataDir }), 'SELECT 1')).toEqual([[1]]);
});

test('what an interrupted first start left behind does not hinder the next', async () => {
  const dataDir = await newFolder();
  await mkdir(join(dataDir, 'cluster.new-abc', 'base'), { recursive: true });
  await writeFile(join(dataDir, 'cluster.new-abc', 'PG_VERSION'), '18\n');
  expect(await query(await start({ dataDir }), 'SELECT 1')).toEqual([[1]]);
});

test('each thing that is wrong is told in one sentence', async () => {
  const folder = await newFolder();
  const file = join(folder, 'file');
  await writeFile(file, '');
  await expect(start({ dataDir: join(file, 'data') })).rejects.toThrow(
    /^The folder .* for the database cannot be used: ENOTDIR/,
  );
  const dataDir = join(folder, 'data');
  await expect(start({ dataDir, settings: { work_mem: 'much' } })).rejects.toThrow(
    /^PostgreSQL did not start: invalid value for parameter "work_mem": "much"$/,
  );
  const password = await readFile(join(dataDir, 'password'));
  await writeFile(join(dataDir, 'password'), 'another');
  await expect(start({ dataDir })).rejects.toThrow(/^PostgreSQL started, but refuses the password/);
  await rm(join(dataDir, 'password'));
  await expect(start({ dataDir })).rejects.toThrow(/^The password of the database is missing: put .*password back/);
  await writeFile(join(dataDir, 'password'), password);
  await writeFile(join(dataDir, 'cluster', 'PG_VERSION'), '17\n');
  await expect(start({ dataDir })).rejects.toThrow(/was made by PostgreSQL 17, and this program brings 18/);
});

(process.getuid?.() === 0 ? describe : describe.skip)('as root', () => {
  test('it runs below a folder that only root may enter, and the files stay root’s', async () => {
    const dataDir = await newFolder();
    const server = await start({ dataDir });
    expect(await query(server, 'SELECT 1')).toEqual([[1]]);
    expect((await stat(join(dataDir, 'cluster', 'PG_VERSION'))).uid).toBe(0);
  });
});
