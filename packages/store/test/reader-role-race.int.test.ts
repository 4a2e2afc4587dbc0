import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type PostgresServer, startPostgresServer } from '@wayline/postgres-server';
import pg from 'pg';
import { createPool, findReaderRole, migrate, READER_ROLE } from '../src/index.ts';

let folder: string;
let server: PostgresServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-roles-'));
  server = await startPostgresServer({ dataDir: folder, settings: { fsync: 'off' } });
});
afterAll(async () => {
  await server?.stop('immediate');
  await rm(folder, { recursive: true, force: true });
});

const logger = { warn: (_: object, message: string) => expect(message).toBe('') };

test('O3: databases of one server that has no role yet migrate at the same time, each as an owner that may make roles', async () => {
  const names = Array.from({ length: 6 }, (_, n) => `d${n}`);
  const admin = new pg.Client(server.connectionString('postgres'));
  await admin.connect();
  for (const name of names) {
    await admin.query(`CREATE ROLE ${name} LOGIN CREATEROLE PASSWORD 'secret'`);
    await admin.query(`CREATE DATABASE ${name} OWNER ${name}`);
  }
  const urls = names.map((name) => {
    const url = new URL(server.connectionString(name));
    url.username = name;
    url.password = 'secret';
    return url.href;
  });
  const { rows: before } = await admin.query('SELECT FROM pg_roles WHERE rolname = $1', [READER_ROLE]);
  expect(before).toEqual([]);
  await Promise.all(urls.map((url) => migrate({ url })));
  const { rows } = await admin.query('SELECT rolcanlogin AS login FROM pg_roles WHERE rolname = $1', [READER_ROLE]);
  expect(rows).toEqual([{ login: false }]);
  await admin.end();

  const roles = await Promise.all(
    urls.map(async (url) => {
      const pool = createPool({ url, max: 1, applicationName: 'test' });
      return findReaderRole(pool, { warn: () => undefined }).finally(() => pool.end());
    }),
  );
  // Whoever made it may become it; to the others somebody with the right to must grant it.
  expect(roles.filter((role) => role === READER_ROLE).length).toBeGreaterThanOrEqual(1);
});

test('O3: one whose role another database is about to commit waits for it, and has it', async () => {
  const admin = new pg.Client(server.connectionString('postgres'));
  await admin.connect();
  await admin.query('CREATE DATABASE waiting');
  await admin.query(`ALTER ROLE ${READER_ROLE} RENAME TO before`);
  await admin.query(`BEGIN; CREATE ROLE ${READER_ROLE} NOLOGIN`);
  const migrating = migrate({ url: server.connectionString('waiting') });
  const watcher = new pg.Client(server.connectionString('postgres'));
  await watcher.connect();
  const blocked = "SELECT FROM pg_stat_activity WHERE datname = 'waiting' AND wait_event_type = 'Lock'";
  while ((await watcher.query(blocked)).rowCount === 0);
  await admin.query('COMMIT');
  await migrating;
  await Promise.all([admin.end(), watcher.end()]);
  const pool = createPool({ url: server.connectionString('waiting'), max: 1, applicationName: 'test' });
  expect(await findReaderRole(pool, logger)).toBe(READER_ROLE);
  await pool.end();
});

test('O3: and as superuser each has it', async () => {
  const admin = new pg.Client(server.connectionString('postgres'));
  await admin.connect();
  await admin.query('CREATE DATABASE e0');
  await admin.query('CREATE DATABASE e1');
  await admin.end();
  await Promise.all(['e0', 'e1'].map((name) => migrate({ url: server.connectionString(name) })));
  for (const name of ['e0', 'e1']) {
    const pool = createPool({ url: server.connectionString(name), max: 1, applicationName: 'test' });
    expect(await findReaderRole(pool, logger)).toBe(READER_ROLE);
    await pool.end();
  }
});
