import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { EventLog } from '@wayline/event-log';
import { compareWithLog, holds } from '../src/compare/compare-with-log.ts';
import { NumberSet } from '../src/compare/number-set.ts';
import { newRunIds, type RunIds } from '../src/load/event-ids.ts';
import { openLog } from '../src/servers/log-address.ts';

const TOPIC = 'compared';
const EVENTS = 10;
let folder: string;
let log: EventLog;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-compare-'));
  log = await openLog({ folder, topic: TOPIC });
});
afterAll(async () => {
  await log.close();
  await rm(folder, { recursive: true, force: true });
});

/** The events of one request, by its number. */
async function append({ prefix }: RunIds, request: number, events = EVENTS): Promise<void> {
  const records = Array.from({ length: events }, (_, i) => {
    const eventId = `${prefix}${(request * EVENTS + i).toString(16).padStart(12, '0')}`;
    return { key: `s-${i}`, value: Buffer.from(JSON.stringify({ eventId, sessionId: `s-${i}` })) };
  });
  await log.append(TOPIC, records);
}

async function compare(ids: RunIds, sent: { acknowledged: number[]; requests: number }, write: () => Promise<void>) {
  const from = await log.ranges(TOPIC);
  await write();
  const acknowledged = new NumberSet();
  for (const request of sent.acknowledged) acknowledged.add(request);
  return compareWithLog(
    log,
    { topic: TOPIC, from },
    { marker: ids.marker, eventsPerRequest: EVENTS, requests: sent.requests, acknowledged },
  );
}

test('what was acknowledged and is in the log is equal, whatever stood there before', async () => {
  const ids = newRunIds();
  await append(newRunIds(), 0);
  const found = await compare(ids, { acknowledged: [0, 1, 2], requests: 3 }, async () => {
    for (const request of [2, 0, 1]) await append(ids, request);
  });
  expect(found).toEqual({ acknowledged: 30, inLog: 30, missing: 0, duplicates: 0, unacknowledged: 0, foreign: 0 });
  expect(holds(found)).toBe(true);
});

test('T6: an acknowledged event that is not in the log is found missing, also where others stand twice', async () => {
  const ids = newRunIds();
  const found = await compare(ids, { acknowledged: [0, 1], requests: 2 }, async () => {
    await append(ids, 0);
    await append(ids, 1, EVENTS - 1);
    await append(ids, 0, 1);
  });
  expect(found).toMatchObject({ acknowledged: 20, inLog: 20, missing: 1, duplicates: 1, foreign: 0 });
  expect(holds(found)).toBe(false);
});

test('what was refused and is in the log all the same is counted apart', async () => {
  const ids = newRunIds();
  const found = await compare(ids, { acknowledged: [1], requests: 2 }, async () => {
    await append(ids, 0);
    await append(ids, 1);
  });
  expect(found).toMatchObject({ acknowledged: 10, missing: 0, unacknowledged: 10 });
  expect(holds(found)).toBe(true);
});

test('an event that was never sent is foreign', async () => {
  const ids = newRunIds();
  const found = await compare(ids, { acknowledged: [0], requests: 1 }, async () => {
    await append(ids, 0);
    await append(ids, 1, 1);
    await append(newRunIds(), 0, 1);
  });
  expect(found).toMatchObject({ missing: 0, foreign: 2 });
  expect(holds(found)).toBe(false);
});

test('nothing acknowledged and nothing there is equal, too', async () => {
  const found = await compare(newRunIds(), { acknowledged: [], requests: 0 }, async () => {});
  expect(found).toMatchObject({ acknowledged: 0, inLog: 0, missing: 0 });
});
