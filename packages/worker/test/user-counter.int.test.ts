import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createPool, withBackgroundLock } from '@wayline/store';
import type pg from 'pg';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { startUserCounter } from '../src/index.ts';
import { stopInHand } from './stop-in-hand.ts';

const logger = { info() {}, warn() {}, error() {} };
const closers: (() => Promise<unknown>)[] = [];
let pool: pg.Pool;

beforeEach(async () => {
  const database = await createStoreDatabase();
  closers.push(() => database.close());
  pool = createPool({ url: database.url, max: 12, applicationName: 'test' });
  closers.push(() => pool.end());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** As a program does that does not know of the counts. */
const addUsers = (prefix: string, count: number, sawObject = false) =>
  pool.query(
    `INSERT INTO users (project_id, user_id, saw_object) SELECT 1, $1 || n, $3 FROM generate_series(1, $2) n`,
    [prefix, count, sawObject],
  );

function startReplica(onRecord: () => void) {
  const counter = startUserCounter({ pool, logger, onRecord });
  closers.push(() => counter.stop());
  return counter;
}

/** A replica that has recorded a minute. */
const recordedBy = () => new Promise<void>((resolve) => void startReplica(resolve));

const minutes = async () =>
  (await pool.query('SELECT minute, users, saw_object FROM user_count_history ORDER BY minute')).rows;

test('A8: of replicas that count at once, one records a minute, once', async () => {
  await addUsers('u-', 500);
  await addUsers('saw-', 40, true);
  let recorded = 0;
  await new Promise<void>((resolve) => {
    for (let replica = 0; replica < 4; replica++) {
      startReplica(() => {
        recorded++;
        resolve();
      });
    }
  });
  for (const close of closers.splice(2).reverse()) await close();
  // A minute may have ended meanwhile: then there are two.
  const rows = await minutes();
  expect(recorded).toBe(rows.length);
  expect(new Set(rows.map(({ minute }) => minute)).size).toBe(rows.length);
  for (const { minute, users, saw_object } of rows) {
    expect({ users, saw_object, whole: minute % 60_000 }).toEqual({ users: 540, saw_object: 40, whole: 0 });
  }
});

test('A8: it waits while another process is at it, and goes on when that one is gone', async () => {
  await addUsers('u-', 3);
  let recorded: Promise<void> | undefined;
  await withBackgroundLock(pool, 'user counts', async () => {
    recorded = recordedBy();
    await pool.query('SELECT pg_sleep(0.5)');
    expect(await minutes()).toEqual([]);
  });
  await recorded;
  expect(await minutes()).toMatchObject([{ users: 3 }]);
});

test('A8: a process that starts counts afresh what a program before it did not tell', async () => {
  await addUsers('u-', 10);
  await recordedBy();
  await addUsers('late-', 5, true);
  await pool.query(`DELETE FROM users WHERE user_id = 'u-1'`);
  await pool.query(`UPDATE user_count_history SET minute = minute - interval '1 hour'`);
  await recordedBy();
  expect((await minutes()).at(-1)).toMatchObject({ users: 14, saw_object: 5 });
});

test('O8: stopping waits for the count in hand, which is done whole', async () => {
  await addUsers('u-', 3);
  await stopInHand(pool, 'user_count_history', async () => startReplica(() => undefined));
  expect(await minutes()).toMatchObject([{ users: 3 }]);
});
