import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { readLag, startLagWatch } from '../src/lag-watch.ts';
import { GROUP, many, startScene, until, type WorkerScene } from './worker-scene.ts';

let scene: WorkerScene;
beforeEach(async () => {
  scene = await startScene({ partitions: 1 });
});
afterEach(() => scene.close());

const HOUR_MS = 3_600_000;
const held = [{ topic: TOPICS.events, partition: 0 }];
const watching = (log: EventLog, assigned = held) => {
  const tell = (level: 'info' | 'warn' | 'error') => (fields: object, message: string) =>
    void scene.told.push({ level, message, fields: { ...fields } });
  const logger = { info: tell('info'), warn: tell('warn'), error: tell('error') };
  const { pool } = scene;
  return { log, pool, group: GROUP, topics: [TOPICS.events], logger, assigned: () => assigned, everyMs: 10 };
};

/** The log as if its first record had lain there for so long. */
const aged = (ageMs: number, keptMs: number | undefined): EventLog => ({
  ...scene.log,
  peek: async (position) => {
    const record = await scene.log.peek(position);
    return record && { ...record, timeMs: record.timeMs - ageMs };
  },
  retentionMs: async () => keptMs,
});

describe('how far behind a worker is', () => {
  test('T13: is told in records and in seconds, of the partitions that it holds', async () => {
    await scene.append(many(30));
    expect(await readLag(watching(aged(90_000, undefined)))).toEqual([
      { topic: TOPICS.events, partition: 0, records: 30, seconds: expect.any(Number) },
    ]);
    const [lag] = await readLag(watching(aged(90_000, undefined)));
    expect(lag?.seconds).toBeGreaterThanOrEqual(90);
    expect(await readLag(watching(scene.log, []))).toEqual([]);
  });

  test('is nothing once all is stored; the worker tells so by itself', async () => {
    await scene.append(many(30));
    await scene.startWorker({ lagEveryMs: 20 });
    await scene.allRead();
    expect(await readLag(watching(scene.log))).toEqual([]);
    const none = () =>
      scene.told.some(({ message, fields }) => message === 'lag of the worker' && fields.records === 0);
    await until('a line without a lag', none);
    expect(await scene.untilTold('lag of the worker')).toMatchObject({ level: 'info', fields: { partitions: 2 } });
  });

  test.each([
    { name: 'early in its retention', ageMs: 30 * HOUR_MS, keptMs: 72 * HOUR_MS, level: undefined },
    { name: 'past half of it', ageMs: 40 * HOUR_MS, keptMs: 72 * HOUR_MS, level: 'warn' },
    { name: 'near its end', ageMs: 60 * HOUR_MS, keptMs: 72 * HOUR_MS, level: 'error' },
    { name: 'in a log that keeps it for ever', ageMs: 600 * HOUR_MS, keptMs: undefined, level: undefined },
  ])('T13: a record unread $name is warned of as: $level', async ({ ageMs, keptMs, level }) => {
    await scene.append(many(3));
    const watch = startLagWatch(watching(aged(ageMs, keptMs)));
    await scene.untilTold('lag of the worker');
    await watch.stop();
    const warning = scene.told.find(({ message }) => message.startsWith('unread records are about to expire'));
    expect(warning?.level).toBe(level);
    if (warning) {
      const left = ((keptMs as number) - ageMs) / 1000;
      expect(warning.fields.expiresInSeconds).toBeGreaterThan(left - 60);
      expect(warning.fields.expiresInSeconds).toBeLessThanOrEqual(left);
    }
  });

  test('while PostgreSQL is away it says that it cannot tell, and goes on', async () => {
    const { pool } = scene;
    const ended = scene.openPool(scene.databaseUrl.replace(/\/[^/?]+(\?|$)/, '/no_such_database$1'));
    const watch = startLagWatch({ ...watching(scene.log), pool: ended });
    await scene.untilTold('cannot be told just now');
    await watch.stop();
    expect(pool.ended).toBe(false);
  });
});
