import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { changeThrottle, createPool, measurePressure } from '@wayline/store';
import type { TestDatabase } from '@wayline/testkit';
import type pg from 'pg';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import type { IntakeNow } from '../src/intake.ts';
import { type PressureWatch, watchPressure } from '../src/pressure-watch.ts';
import { Throttle } from '../src/throttle.ts';

const configured = { maxRows: 10_000, lingerMs: 10, concurrency: 2, adaptive: true };

let database: TestDatabase;
let pool: pg.Pool;
let others: pg.Pool;
let throttle: Throttle;
let watch: PressureWatch;
let intake: IntakeNow;
let stopAsking: (() => Promise<void>) | undefined;
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
  intake = { arrived: 0, stored: 0, unstored: 1_000_000 };
  const logger = { info: tell, warn: tell, error: tell };
  watch = watchPressure({ pool, group: 'g', throttle, configured, logger, intake: { now: () => intake }, everyMs: 10 });
});
afterEach(async () => {
  await stopAsking?.();
  stopAsking = undefined;
  await watch.stop();
});

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

/** Asks again and again, each answer being there in a fraction of a millisecond. */
function askShortly(everyMs: number): () => Promise<void> {
  const abort = new AbortController();
  const run = async () => {
    for (; !abort.signal.aborted; await sleep(everyMs)) await others.query('SELECT 1');
  };
  const running = run();
  stopAsking = async () => {
    abort.abort();
    await running;
  };
  return stopAsking;
}

test('O4: it gives way while others ask, however short their queries are, and takes all again afterwards', async () => {
  const stop = askShortly(10);
  await until('it gives way', () => throttle.pace < 0.5 && throttle.maxRows < configured.maxRows);
  await stop();
  await until('full speed', () => throttle.pace === 1 && throttle.maxRows === configured.maxRows);
});

test('O4: not to a query now and then', async () => {
  const stop = askShortly(2_000);
  for (const deadline = Date.now() + 5_000; Date.now() < deadline; await sleep(5))
    expect(throttle.maxRows).toBe(configured.maxRows);
  await stop();
});

test('O4: for those who ask it does not let the backlog grow', async () => {
  const stop = askShortly(10);
  await until('it gives way', () => throttle.pace < 0.5);
  intake = { arrived: 1_000, stored: 900, unstored: 100_000 };
  await until('it keeps up', () => throttle.pace > 0.9);
  intake = { arrived: 1_000, stored: 1_500, unstored: 100_000 };
  await until('it gives way again', () => throttle.pace < 0.5);
  await stop();
});

test('O4: what is on its way does not wait for those who ask: only a backlog gives way', async () => {
  const stop = askShortly(10);
  await until('it gives way', () => throttle.pace < 0.5);
  intake = { arrived: 30_000, stored: 30_000, unstored: 290_000 };
  await until('full speed', () => throttle.pace === 1 && throttle.maxRows === configured.maxRows);
  intake = { arrived: 30_000, stored: 40_000, unstored: 310_000 };
  await until('it gives way again', () => throttle.pace < 0.5);
  await stop();
});

test('O4: how long ago others asked is told however short it was, and that they wait for a lock', async () => {
  await watch.stop();
  const [client, waiter] = [await others.connect(), await others.connect()];
  try {
    await client.query('SELECT 1');
    await waiter.query('SELECT 1');
    const { sinceMs, ...now } = await measurePressure(pool);
    expect(sinceMs).toBeLessThan(250);
    expect(now).toEqual({ busy: 0, waiting: 0, unseen: 0 });
    await sleep(300);
    expect((await measurePressure(pool)).sinceMs).toBeGreaterThan(300);
    await client.query('BEGIN; LOCK TABLE projects IN ACCESS EXCLUSIVE MODE');
    const blocked = waiter.query('SELECT count(*) FROM projects');
    while ((await measurePressure(pool)).waiting === 0) await sleep(10);
    expect(await measurePressure(pool)).toMatchObject({ busy: 1, sinceMs: 0 });
    await client.query('ROLLBACK');
    await blocked;
  } finally {
    client.release();
    waiter.release();
  }
});

test('O4: of whom this user may see nothing, it is said once what is to be granted', async () => {
  await watch.stop();
  await pool.query('CREATE ROLE sees_little; GRANT SELECT ON worker_throttles TO sees_little');
  const url = new URL(database.url);
  url.searchParams.set('options', '-c role=sees_little');
  const little = createPool({ url: url.href, max: 1, applicationName: 'worker under test' });
  askShortly(10);
  try {
    const own = new Throttle(configured);
    const logger = { info: tell, warn: tell, error: tell };
    watch = watchPressure({
      pool: little,
      group: 'g',
      throttle: own,
      configured,
      logger,
      intake: { now: () => intake },
      everyMs: 10,
    });
    await until('it is said', () => told.some((message) => message.includes('pg_read_all_stats')));
    await sleep(100);
    expect(told).toHaveLength(1);
    expect(own.pace).toBe(1);
  } finally {
    await watch.stop();
    await little.end();
    await pool.query('DROP OWNED BY sees_little; DROP ROLE sees_little');
  }
});
