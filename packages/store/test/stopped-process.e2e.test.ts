import { kill } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startProcess, type TestDatabase, type TestProcess } from '@wayline/testkit';
import type pg from 'pg';
import { createPool } from '../src/index.ts';
import { withLivingLock } from '../src/maintenance/background-lock.ts';
import { createStoreDatabase } from './store-database.ts';

const SILENT_MS = 1_000;
const dist = (file: string): string => JSON.stringify(new URL(`../dist/${file}.js`, import.meta.url).href);

/** Takes the lock, and a row within a transaction, says so, and goes on holding both. */
const HOLDER = `
  import { createPool } from ${dist('pool')};
  import { inTransaction } from ${dist('in-transaction')};
  import { withLivingLock } from ${dist('maintenance/background-lock')};
  const pool = createPool({ url: process.argv[1], max: 2, applicationName: 'holder' });
  await withLivingLock(pool, { kind: 'hops', silentMs: ${SILENT_MS} }, () =>
    inTransaction(pool, async (client) => {
      await client.query("UPDATE things SET n = n + 1");
      console.log('held');
      for (;;) {
        await client.query('SELECT');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }));
`;

let database: TestDatabase;
let pool: pg.Pool;
let holder: TestProcess | undefined;
beforeAll(async () => {
  database = await createStoreDatabase();
  pool = createPool({ url: database.url, max: 3, applicationName: 'test' });
  await pool.query('CREATE TABLE things (n integer); INSERT INTO things VALUES (0)');
});
afterAll(async () => {
  await holder?.end('SIGKILL');
  await pool?.end();
  await database?.close();
});

const take = () => withLivingLock(pool, { kind: 'hops', silentMs: SILENT_MS }, async () => 'taken');

test('T13: a process that is stopped, and not killed, holds neither the background lock nor rows for long', async () => {
  holder = startProcess(process.execPath, ['--input-type=module', '--eval', HOLDER, database.url]);
  await holder.waitForLine(/^held$/);
  // While it lives it holds the lock for longer than it may be silent.
  for (const until = Date.now() + 2.5 * SILENT_MS; Date.now() < until; await sleep(100)) {
    expect(await take()).toBeUndefined();
  }
  kill(holder.pid, 'SIGSTOP');
  const stoppedMs = Date.now();
  while ((await take()) === undefined) await sleep(50);
  expect(Date.now() - stoppedMs).toBeLessThan(10 * SILENT_MS);
  await pool.query('UPDATE things SET n = n + 10'); // waits until nobody holds the row
  expect(Date.now() - stoppedMs).toBeLessThan(25_000);
  // What it was about to do is undone, whatever it does when it goes on.
  kill(holder.pid, 'SIGCONT');
  await holder.exited;
  expect((await pool.query('SELECT n FROM things')).rows).toEqual([{ n: 10 }]);
}, 60_000);

test('T13: nor does one that is stopped while it makes a partition hold up those who need one', async () => {
  await pool.query(`CREATE TABLE seen (value text);
    CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO seen VALUES (current_setting('idle_in_transaction_session_timeout')); END $$;
    CREATE EVENT TRIGGER note ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION note()`);
  const { EventPartitions } = await import('../src/write/event-partitions.ts');
  await new EventPartitions(pool).ensure([Date.now()]);
  const { rows } = await pool.query('SELECT DISTINCT value FROM seen');
  expect(rows).toEqual([{ value: '15s' }]);
});
