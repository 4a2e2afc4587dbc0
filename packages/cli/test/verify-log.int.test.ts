import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createPool, ensurePosition, type Pool } from '@wayline/store';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { verifyLog } from '../src/verify/verify-log.ts';

const GROUP = 'wayline';
const RECORDS = 7;

let folder: string;
let database: Awaited<ReturnType<typeof createStoreDatabase>>;
let pool: Pool;
let log: EventLog;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-verify-log-'));
  database = await createStoreDatabase();
  pool = createPool({ url: database.url, max: 2, applicationName: 'test' });
  const topics = [TOPICS.events, TOPICS.direct].map((name) => ({ name, partitions: 1 }));
  log = await createEmbeddedLog({ folder, topics });
  await log.append(
    TOPICS.events,
    Array.from({ length: RECORDS }, () => ({ key: 'k', value: Buffer.from('{}') })),
  );
});
afterAll(async () => {
  await log?.close();
  await pool?.end();
  await database?.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => pool.query('TRUNCATE positions'));

const storedUpTo = (offset: number, topic: string = TOPICS.events) =>
  ensurePosition(pool, { logId: log.id, group: GROUP, topic, partition: 0 }, offset);
const verify = (seen: Partial<EventLog> = {}, isPerhapsAnother = true) =>
  verifyLog({ ...log, ...seen, isPerhapsAnother }, pool, GROUP);
const place = { logId: expect.any(String), topic: TOPICS.events, partition: 0 };

test('T11: positions within the log agree with it; what they do not reach is pending', async () => {
  await storedUpTo(5);
  await storedUpTo(0, TOPICS.direct);
  expect(await verify()).toEqual({ check: 'log', compared: 2, different: 0, differences: [], pending: 2 });
});

test('T11: a position after the end of the log is found, with where and by how much', async () => {
  await storedUpTo(RECORDS + 3);
  expect(await verify()).toMatchObject({
    different: 1,
    pending: 0,
    differences: [
      { what: 'stored position after the end of the log', ...place, booked: RECORDS + 3, counted: RECORDS },
    ],
  });
});

test('T11: a position before the start, where records expired that nobody has booked, is found', async () => {
  await storedUpTo(1);
  const start = 4;
  const ranges = async (topic: string) =>
    (await log.ranges(topic)).map((range) => ({ ...range, start: Math.min(start, range.end) }));
  expect(await verify({ ranges })).toMatchObject({
    different: 1,
    pending: RECORDS - start,
    differences: [{ what: 'stored position before the start of the log', ...place, booked: 1, counted: start }],
  });
});

test('a log that nothing was ever read of: a folder may be another’s, Kafka is unread from its start', async () => {
  expect(await verify()).toBeUndefined();
  expect(await verify({}, false)).toMatchObject({ different: 0, pending: RECORDS });
});
