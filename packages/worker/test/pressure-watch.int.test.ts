import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { changeThrottle, createPool, measurePressure } from '@wayline/store';
import type { TestDatabase } from '@wayline/testkit';
import type pg from 'pg';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { type PressureWatch, watchPressure } from '../src/pressure-watch.ts';
import { Throttle } from '../src/throttle.ts';

const configured = { maxRows: 5000, lingerMs: 10, concurrency: 2, adaptive: true };

let database: TestDatabase;
let pool: pg.Pool;
let others: pg.Pool;
let throttle: Throttle;
let watch: PressureWatch;
const told: string[] = [];
const tell = (_: object, message: string) => void told.push(message);

beforeAll(async () => {
  database = await createStoreDatabase();
  pool = createPool({ url: database.url, max: 4, applicationName: 'worker under test' });
  others = createPool({ url: database.url, max: 4, applicationName: 'analysts' });
});
afterAll(async () => {
  await pool?.end();
  await others?.end();
  await database?.close();
});
beforeEach(() => {
  told.length = 0;
  throttle = new Throttle(configured);
  const logger = { info: tell, warn: tell, error: tell };
  watch = watchPressure({ pool, group: 'g', throttle, configured, logger, everyMs: 10 });
});
afterEach(() => watch.stop());

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !holds(); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`Not seen: ${what} (pace ${throttle.pace})`);
  }
}

test('O4: the worker backs off while others wait for a lock, says so, and goes on at full speed afterwards', async () => {
  const [holder, waiter] = [await others.connect(), await others.connect()];
  await holder.query('BEGIN; LOCK TABLE projects IN ACCESS EXCLUSIVE MODE');
  const waiting = waiter.query('SELECT count(*) FROM projects');
  await until('it backs off', () => throttle.pace < 0.5);
  expect(throttle.concurrency).toBe(1);
  await until('it is told', () => told.some((message) => message.startsWith('PostgreSQL is slow')));
  await holder.query('ROLLBACK');
  await waiting;
  for (const client of [holder, waiter]) client.release();
  await until('full speed', () => throttle.pace === 1);
  await until('that is told', () => told.some((message) => message.startsWith('PostgreSQL is quick again')));
});

test('O4: it backs off while COMMIT takes long, whoever is at fault', async () => {
  let commitMs = 2;
  let told = 0;
  const commits = setInterval(() => {
    watch.committed(commitMs);
    told++;
  }, 5);
  try {
    await until('it knows how long they take', () => told > 50);
    commitMs = 900;
    await until('it backs off', () => throttle.pace < 0.5);
    commitMs = 2;
    await until('full speed', () => throttle.pace === 1);
  } finally {
    clearInterval(commits);
  }
});

test('O4: work of its own is no reason, however much it is', async () => {
  const work = Array.from({ length: 3 }, () => pool.query('SELECT count(*) FROM generate_series(1, 5000000)'));
  await Promise.all(work);
  expect(throttle.pace).toBe(1);
});

test('O4: what an operator sets reaches a running worker, and what is taken away goes', async () => {
  await changeThrottle(pool, 'g', { rowsPerSecond: 1234, concurrency: 5, adaptive: false });
  await until('the change', () => throttle.settings.rowsPerSecond === 1234);
  expect(throttle.settings).toEqual({ ...configured, rowsPerSecond: 1234, concurrency: 5, adaptive: false });
  await changeThrottle(pool, 'g', { rowsPerSecond: null, adaptive: null });
  await until('the change', () => throttle.settings.rowsPerSecond === undefined);
  expect(throttle.settings).toEqual({ ...configured, concurrency: 5 });
  await changeThrottle(pool, 'g', { concurrency: null });
  await until('the change', () => throttle.settings.concurrency === 2);
});

test('O4: whoever asked a moment ago counts as at work, though a short query is hardly ever met at it', async () => {
  await watch.stop();
  const client = await others.connect();
  try {
    await client.query('SELECT 1');
    expect(await measurePressure(pool)).toMatchObject({ others: 1, waiting: 0 });
    for (let looks = 0; (await measurePressure(pool)).others > 0; looks++) {
      expect(looks).toBeLessThan(1_000);
      await sleep(10);
    }
  } finally {
    client.release();
  }
});
