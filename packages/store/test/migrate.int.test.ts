import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@wayline/testkit';
import pg from 'pg';
import { checkSchema, migrate, SchemaTooNewError, StoreSetupError } from '../src/index.ts';

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.close());

async function query(sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(database.url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const tables = async () =>
  (await query(`SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`))
    .map(({ relname }) => String(relname))
    .filter((name) => name !== 'pgmigrations')
    .sort();

describe('O3: migrations', () => {
  test('run forward, back until nothing is left, and forward again to the same tables', async () => {
    expect(await checkSchema(database.url)).toBe('older');
    const { applied } = await migrate({ url: database.url });
    expect(applied.length).toBeGreaterThan(0);
    expect(await checkSchema(database.url)).toBe('equal');
    const made = await tables();
    expect(made).toContain('events');

    const back = await migrate({ url: database.url, direction: 'down', count: applied.length });
    expect(back.applied).toEqual([...applied].reverse());
    expect(await tables()).toEqual([]);
    expect(await checkSchema(database.url)).toBe('older');

    expect((await migrate({ url: database.url })).applied).toEqual(applied);
    expect(await tables()).toEqual(made);
  });

  test('down goes back by one unless told otherwise', async () => {
    const { applied } = await migrate({ url: database.url });
    expect((await migrate({ url: database.url, direction: 'down' })).applied).toEqual(applied.slice(-1));
  });

  test('of five that start at once one migrates, the others wait and succeed', async () => {
    const results = await Promise.all(Array.from({ length: 5 }, () => migrate({ url: database.url })));
    const ran = results.map(({ applied }) => applied.length);
    expect(ran.filter((count) => count > 0)).toHaveLength(1);
    expect(await checkSchema(database.url)).toBe('equal');
  });

  test('one that waits for another longer than a statement may take does not fail', async () => {
    const holder = new pg.Client(database.url);
    await holder.connect();
    await holder.query(`ALTER DATABASE "${holder.database}" SET statement_timeout = '200ms'`);
    await holder.query('BEGIN; SELECT pg_advisory_xact_lock(7241865325823964)');
    const waiting = migrate({ url: database.url });
    const blocked = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
      AND query_start < clock_timestamp() - interval '400 ms'`;
    while ((await query(blocked)).length === 0);
    await holder.query('COMMIT');
    await holder.end();
    expect((await waiting).applied.length).toBeGreaterThan(0);
  });

  test('a migration that fails leaves nothing behind', async () => {
    await query('CREATE TABLE sessions (mine text)');
    await expect(migrate({ url: database.url })).rejects.toMatchObject({ code: '42P07' });
    expect(await tables()).toEqual(['sessions']);
    expect(await checkSchema(database.url)).toBe('older');
  });

  test('a schema newer than the program is refused, and left as it is', async () => {
    await migrate({ url: database.url });
    await query(`INSERT INTO pgmigrations (name, run_on) VALUES ('9999_from-the-future', now())`);
    await expect(checkSchema(database.url)).rejects.toThrow(SchemaTooNewError);
    await expect(migrate({ url: database.url })).rejects.toThrow(/9999_from-the-future/);
    await expect(migrate({ url: database.url, direction: 'down' })).rejects.toThrow(SchemaTooNewError);
    expect(await tables()).toContain('events');
  });
});

describe('a wrong address of the database gets one clear sentence', () => {
  const problemOf = async (change: (url: URL) => void): Promise<StoreSetupError> => {
    const url = new URL(database.url);
    url.password ||= 'secret';
    change(url);
    const error = await checkSchema(url.href).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreSetupError);
    const { message } = error as StoreSetupError;
    expect(message).toMatch(/^[A-Z].*\.$/);
    expect(message).not.toContain('\n');
    expect(message).not.toContain(decodeURIComponent(url.password));
    return error as StoreSetupError;
  };

  test('when nothing listens there', async () => {
    const error = await problemOf((url) => {
      url.port = '1';
    });
    expect(error).toMatchObject({ reason: 'unreachable', message: expect.stringContaining(':1 cannot be reached') });
  });

  test('when there is no such host', async () => {
    const error = await problemOf((url) => {
      url.hostname = 'no-such-host.invalid';
    });
    expect(error).toMatchObject({ reason: 'unreachable', message: expect.stringContaining('no-such-host.invalid') });
  });

  test('when the user may not log in', async () => {
    const error = await problemOf((url) => {
      url.username = 'nobody-we-know';
      url.password = 'wrong-and-long';
    });
    expect(error).toMatchObject({ reason: 'credentials', message: expect.stringContaining('"nobody-we-know"') });
  });

  test('when there is no such database', async () => {
    const error = await problemOf((url) => {
      url.pathname = '/not_made_yet';
    });
    expect(error).toMatchObject({ reason: 'database', message: expect.stringContaining('"not_made_yet"') });
  });

  test('when the server does not speak TLS and the address wants it', async () => {
    const error = await problemOf((url) => url.searchParams.set('sslmode', 'verify-full'));
    expect(error.reason).toBe('tls');
  });

  test('when a role may not make tables', async () => {
    const role = `reader_${Date.now()}`;
    await query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader-secret'`);
    const url = new URL(database.url);
    url.username = role;
    url.password = 'reader-secret';
    try {
      await expect(migrate({ url: url.href })).rejects.toMatchObject({ reason: 'permission' });
    } finally {
      await query(`DROP ROLE ${role}`);
    }
  });

  test('when the database is not in UTF-8', async () => {
    const name = `latin_${Date.now()}`;
    await query(`CREATE DATABASE ${name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`);
    try {
      const error = await problemOf((url) => {
        url.pathname = `/${name}`;
      });
      expect(error).toMatchObject({ reason: 'encoding', message: expect.stringContaining('LATIN1') });
    } finally {
      await query(`DROP DATABASE ${name}`);
    }
  });

  test.each(['', 'localhost:5432', 'http://localhost/db', 'postgres://u:top-secret@host:99999/db'])(
    'when it is no address: %p',
    async (url) => {
      const error = (await checkSchema(url).catch((thrown: unknown) => thrown)) as StoreSetupError;
      expect(error).toMatchObject({ name: 'StoreSetupError', reason: 'address' });
      expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('top-secret');
    },
  );
});
