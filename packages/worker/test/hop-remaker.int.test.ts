import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { BatchWriter, createPool, ensurePosition, withBackgroundLock } from '@wayline/store';
import type pg from 'pg';
import { batchOf, eventOf, storeVerdict } from '../../store/test/batches.ts';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { type HopRemakerOptions, startHopRemaker } from '../src/index.ts';
import { stopInHand } from './stop-in-hand.ts';

const closers: (() => Promise<unknown>)[] = [];
let pool: pg.Pool;
let written = 0;
let writer: BatchWriter;
const warnings: string[] = [];
const logger = { info() {}, error() {}, warn: (_: object, message: string) => void warnings.push(message) };

beforeEach(async () => {
  warnings.length = 0;
  written = 0;
  const database = await createStoreDatabase();
  closers.push(() => database.close());
  pool = createPool({ url: database.url, max: 8, applicationName: 'test' });
  closers.push(() => pool.end());
  const log = { logId: 'log', group: 'g' };
  await ensurePosition(pool, { ...log, topic: 'wayline.events', partition: 0 }, 0);
  writer = new BatchWriter({ pool, ...log, timeouts: { statementMs: 20_000, idleMs: 15_000, lockMs: 10_000 } });
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Stores a hop, in a session of its own, and makes its mark old enough. */
async function storeHop(): Promise<void> {
  const records = ['shop', 'pay'].map((name, minute) =>
    storeVerdict(
      eventOf({
        sessionId: `s-${written}`,
        occurredAt: new Date(Date.UTC(2026, 10, 20, 12, minute)).toISOString(),
        source: { kind: 'app', name },
      }),
    ),
  );
  await writer.write([batchOf({ firstOffset: written }, records)]);
  written += records.length;
  await pool.query("UPDATE dirty_sessions SET dirty_at = dirty_at - interval '1 minute'");
}

const hops = async (): Promise<number> =>
  Number((await pool.query('SELECT count(*) AS n FROM session_hops WHERE stay_class >= 0')).rows[0].n);

/** Starts a remaker; its passes can be waited for. */
function start(options: Partial<HopRemakerOptions> = {}) {
  let told = (_sessions: number): void => undefined;
  const remaker = startHopRemaker({ pool, logger, everyMs: 1, onPass: (sessions) => told(sessions), ...options });
  const stop = () => remaker.stop();
  closers.push(stop);
  const remade = () =>
    new Promise<void>((resolve) => {
      told = (sessions) => void (sessions > 0 && resolve());
    });
  return { stop, remade };
}

/** As `start`, and says how many passes it has made. */
function startCounted() {
  let turns = 0;
  const isBehind = () => {
    turns++;
    return false;
  };
  return { ...start({ isBehind }), turns: () => turns };
}

test('A1: what is marked is remade again and again, also while a backlog is stored, of which it asks after each pass', async () => {
  let behind = false;
  let asked = 0;
  const isBehind = () => {
    asked++;
    return behind;
  };
  const { remade, stop } = start({ isBehind });
  for (const state of [false, true, false]) {
    behind = state;
    const before = asked;
    const done = remade();
    await storeHop();
    await done;
    while (asked === before) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(await hops()).toBe(3);
  await stop();
  const stopped = asked;
  await storeHop();
  expect(asked).toBe(stopped);
  expect(await hops()).toBe(3);
});

test('while a backlog is stored it rests for longer, and looks meanwhile whether it is over', async () => {
  const seen: string[] = [];
  let behind = true;
  const { stop } = start({
    isBehind: () => {
      seen.push('asked');
      return behind;
    },
    onPass: () => void seen.push('passed'),
  });
  await storeHop();
  while (!/passed(,asked){2,},passed/.test(seen.join())) await storeHop();
  behind = false;
  seen.length = 0;
  while (!/passed(,asked)?,passed(,asked)?,passed/.test(seen.join()))
    await new Promise((resolve) => setImmediate(resolve));
  await stop();
});

test('of several processes one is at it at a time; the others pass over their turn', async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let locked = (): void => undefined;
  const isLocked = new Promise<void>((resolve) => {
    locked = resolve;
  });
  const other = withBackgroundLock(pool, 'hops', async () => {
    locked();
    await held;
  });
  closers.push(() => {
    release();
    return other;
  });
  await isLocked;
  const { remade, turns } = startCounted();
  await storeHop();
  while (turns() < 5) await new Promise((resolve) => setImmediate(resolve));
  expect(await hops()).toBe(0);
  const done = remade();
  release();
  await other;
  await done;
  expect(await hops()).toBe(1);
});

test.each([
  { meanwhile: 'while batches are being written', busy: 1, gives: false, atOnce: 100 },
  { meanwhile: 'while the worker gives way', busy: 0, gives: true, atOnce: 100 },
  { meanwhile: 'while there is time', busy: 0, gives: false, atOnce: 150 },
])('O4: $meanwhile $atOnce of 150 marks are taken at once', async ({ busy, gives, atOnce }) => {
  await storeHop();
  await pool.query(`CREATE TABLE taken (marks bigint);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO taken SELECT count(*) FROM old_rows; RETURN NULL; END';
    CREATE TRIGGER note AFTER DELETE ON dirty_sessions REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION note();
    INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time, dirty_at)
    SELECT 1, 'gone-' || n, now(), now(), now(), now() - interval '1 hour' FROM generate_series(2, 150) n`);
  start({ busyShare: () => busy, givesWay: () => gives });
  const left = async () => (await pool.query('SELECT 150 - sum(marks)::integer AS n FROM taken')).rows[0].n;
  while ((await left()) !== 0) await new Promise((resolve) => setImmediate(resolve));
  const { rows } = await pool.query('SELECT max(marks)::integer AS marks FROM taken');
  expect(rows).toEqual([{ marks: atOnce }]);
});

test('the room of marks that were taken is freed, so that later ones find it', async () => {
  const { remade } = start({ freeEveryMs: 0 });
  const pages = async () => (await pool.query(`SELECT pg_relation_size('dirty_sessions') / 8192 AS n`)).rows[0].n;
  const passed = async () => {
    const done = remade();
    await storeHop();
    await done;
  };
  const vacuumed = async () =>
    (await pool.query(`SELECT vacuum_count::integer AS n FROM pg_stat_user_tables WHERE relname = 'dirty_sessions'`))
      .rows[0].n;
  const many = `INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time, dirty_at)
    SELECT 1, 's-0', now(), now(), now(), now() - interval '1 hour' FROM generate_series(1, 15000)`;
  await pool.query(many);
  while ((await vacuumed()) === 0) await passed();
  const before = await pages();
  await pool.query(many);
  expect(await pages()).toBe(before);
});

test('O8: stopping waits for the transaction in hand, which is done whole', async () => {
  const { stop } = start();
  await stopInHand(pool, 'session_hops', async () => {
    await storeHop();
    return { stop };
  });
  expect(await hops()).toBe(1);
});

test('T13: a fault of the database is said once, and waited out', async () => {
  await pool.query('ALTER TABLE session_hops RENAME TO away');
  const { remade, turns } = startCounted();
  await storeHop();
  while (turns() < 5) await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([expect.stringContaining('cannot be remade just now')]);
  const done = remade();
  await pool.query('ALTER TABLE away RENAME TO session_hops');
  await done;
  expect(await hops()).toBe(1);
});
