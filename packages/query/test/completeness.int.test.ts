import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import type { EventLog, PartitionRange } from '@wayline/event-log';
import { eventAt, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
afterEach(() => query.close());

const admin = { scopes: ['admin' as const] };
const ledger = () => query.read('/v1/ledger', admin);
const HOUR = 3_600_000;

/** Asks until the answer is as expected. */
async function eventually(expected: object): Promise<void> {
  for (const until = Date.now() + 5_000; Date.now() < until; ) {
    try {
      expect(await ledger()).toMatchObject(expected);
      return;
    } catch {
      // not yet
    }
  }
  expect(await ledger()).toMatchObject(expected);
}

/** The log's time of the first record at an offset, as it is told. */
async function logTime(partition: number, offset = 0): Promise<string> {
  const record = await query.log.peek({ topic: TOPICS.events, partition, offset });
  return new Date(record?.timeMs ?? Number.NaN).toISOString();
}

/** The partitions of `wayline.events` that hold something. */
const filled = async () => (await query.log.ranges(TOPICS.events)).filter(({ end }) => end > 0);

describe('A12: completeThrough', () => {
  test('is now while nothing is unread', async () => {
    query = await startQuery({ now: () => SESSION_START });
    expect(await ledger()).toMatchObject({ completeThrough: '2026-11-20T12:00:00.000Z', lagging: [], pending: 0 });
  });

  test('is the least log time of any record not stored yet, over all partitions, and tells which lag', async () => {
    query = await startQuery({ partitions: 2 });
    await query.append([eventAt(0, { sessionId: 'a' })]);
    await query.append([
      eventAt(1, { sessionId: 'b' }),
      eventAt(2, { sessionId: 'c' }),
      eventAt(3, { sessionId: 'd' }),
    ]);
    await query.append([eventAt(4, { sessionId: 'a' }), eventAt(5, { sessionId: 'b' })]);
    const partitions = await filled();
    expect(partitions).toHaveLength(2);
    const times = await Promise.all(partitions.map(({ partition }) => logTime(partition)));
    const lagging = partitions.map(({ topic, partition, end }) => ({ topic, partition, records: end }));
    await eventually({ completeThrough: times.sort()[0], pending: 6, lagging });

    const [first, second] = partitions as [PartitionRange, PartitionRange];
    await query.catchUp(first.partition);
    await eventually({
      completeThrough: await logTime(second.partition),
      pending: second.end,
      lagging: [{ topic: TOPICS.events, partition: second.partition, records: second.end }],
    });
    await query.catchUp(second.partition);
    await eventually({ pending: 0, lagging: [] });
    expect((await query.read('/v1/sessions')).sessions).toHaveLength(4);
  });

  test('is found also where the partition that is read least far goes on later than another', async () => {
    query = await startQuery({ partitions: 2 });
    const append = async (sessionId: string) => {
      for (const before = Date.now(); Date.now() === before; ) await sleep(1); // so that each has a time of its own
      await query.append([eventAt(0, { sessionId })]);
    };
    await append('a');
    const [first] = (await filled()) as [PartitionRange];
    let other = '';
    for (const sessionId of ['b', 'c', 'd', 'e', 'f']) {
      if ((await filled()).length === 2) break;
      other = sessionId;
      await append(sessionId);
    }
    const second = (await filled()).find(({ partition }) => partition !== first.partition) as PartitionRange;
    await query.catchUp(first.partition);
    await query.catchUp(second.partition);
    await append(other);
    await append('a');
    await eventually({ pending: 2, completeThrough: await logTime(second.partition, second.end) });
  });

  test('a session is not called idle while what would reopen it may still be unread', async () => {
    const logMs = Date.now();
    query = await startQuery({ partitions: 1, now: () => logMs + 10 * HOUR });
    const minute = (n: number) => ({ sessionId: 's-1', occurredAt: logMs + n * 60_000 });
    await query.append([eventAt(0, minute(0))]);
    await query.catchUp(0);
    await eventually({ pending: 0 });
    expect((await query.read('/v1/sessions/s-1')).endReason).toBe('idle');
    await query.append([eventAt(0, minute(29))]);
    await eventually({ pending: 1 });
    expect((await query.read('/v1/sessions/s-1')).endReason).toBeNull();
  });

  test('is null, with the reason, when the log cannot be reached; the data are answered all the same', async () => {
    query = await startQuery();
    await query.store([eventAt(0)]);
    await query.log.close();
    const { sessions, ...rest } = await query.read('/v1/sessions');
    expect(sessions).toMatchObject([{ sessionId: 's-1', endReason: null }]);
    expect(rest).toEqual({
      completeThrough: null,
      completeThroughReason: expect.stringContaining('cannot be reached'),
      nextCursor: null,
    });
    expect(await ledger()).toMatchObject({ pending: null, completeThrough: null });
    expect(query.faults).toEqual([]);
  });

  test('a look serves whoever asks soon after it; the ledger, and an unknown event, wait for one of their own', async () => {
    let looks = 0;
    let held = false;
    let release: () => void = () => undefined;
    query = await startQuery({
      partitions: 1,
      seenLog: (log) => ({
        ...{ id: log.id, peek: (at) => log.peek(at), append: (topic, records) => log.append(topic, records) },
        async ranges(topic) {
          looks++;
          if (held) await new Promise<void>((resolve) => (release = resolve));
          return log.ranges(topic);
        },
      }),
    });
    const sessions = () => query.read('/v1/sessions');
    await sessions();
    const { completeThrough } = await sessions();
    held = true;
    expect(await sessions()).toMatchObject({ completeThrough, lagging: [] }); // does not wait for what is held up
    held = false;
    release();

    await query.append([eventAt(0, { sessionId: 's-9' })]);
    await sessions();
    const before = looks;
    expect(await ledger()).toMatchObject({ pending: 1 });
    expect(looks).toBe(before + 2);
    const unknown = await query.get('/v1/events/00000000-0000-4000-8000-000000000001?sessionId=s-9');
    expect(unknown.body).toMatchObject({ fate: 'unknown', completeThrough: await logTime(0) });
    expect(looks).toBe(before + 4);
    expect(await sessions()).toMatchObject({ completeThrough: await logTime(0), lagging: [{ records: 1 }] });
  });

  test('while what is unread follows what was just stored, records are not looked into; the ledger looks', async () => {
    let peeks = 0;
    let nowMs = 0;
    query = await startQuery({
      partitions: 1,
      now: () => nowMs,
      seenLog: (log) => ({
        id: log.id,
        ranges: (topic) => log.ranges(topic),
        append: (topic, records) => log.append(topic, records),
        peek(at) {
          peeks++;
          return log.peek(at);
        },
      }),
    });
    await query.append([eventAt(0)]);
    await query.catchUp(0);
    for (const stored = Date.now(); Date.now() === stored; ) await sleep(1); // so that each has a time of its own
    await query.append([eventAt(1)]);
    const storedThrough = await logTime(0, 0);
    nowMs = Date.parse(storedThrough) + 1_000;
    expect(await query.read('/v1/sessions')).toMatchObject({
      lagging: [{ records: 1 }],
      completeThrough: storedThrough,
    });
    expect(peeks).toBe(0);
    nowMs += 1;
    expect(await ledger()).toMatchObject({ completeThrough: await logTime(0, 1), pending: 1 });
    expect(peeks).toBe(1);
  });

  test('an event that is stored by the time that the log was looked at is not unknown', async () => {
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const event = eventAt(0, { sessionId: 's-9' });
    query = await startQuery({
      seenLog: (log) => ({
        ...{ id: log.id, peek: (at) => log.peek(at), append: (topic, records) => log.append(topic, records) },
        async ranges(topic) {
          begin();
          await released;
          return log.ranges(topic);
        },
      }),
    });
    await query.store([eventAt(1, { sessionId: 's-9' })]);
    const asking = query.get(`/v1/events/${event.eventId}?sessionId=s-9`);
    await begun; // it was looked for, and not found
    await query.store([event]);
    release();
    expect((await asking).body).toMatchObject({ fate: 'stored' });
  });

  test('a log that does not answer is waited for once, and not by every request', async () => {
    let asked = 0;
    const silent = {
      id: 'silent',
      ranges: () => {
        asked++;
        return new Promise(() => {});
      },
    } as unknown as EventLog;
    query = await startQuery({ log: silent });
    const begun = performance.now();
    const answers = await Promise.all(Array.from({ length: 10 }, () => query.read('/v1/sessions')));
    const first = performance.now() - begun;
    for (const answer of answers) expect(answer.completeThrough).toBeNull();
    expect(first).toBeGreaterThan(1_900);
    expect(first).toBeLessThan(6_000);
    const later = performance.now();
    expect((await query.read('/v1/sessions')).completeThrough).toBeNull();
    expect(performance.now() - later).toBeLessThan(1_000);
    expect(asked).toBeLessThanOrEqual(4); // both topics, by the first request and once more by all that came meanwhile
  });
});

describe('T11: the ledger', () => {
  test('tells by hour of the log what became of its records, of the project and of nobody', async () => {
    query = await startQuery();
    const event = eventAt(0);
    const late = { logMs: SESSION_START + 2 * HOUR };
    await query.store([event, eventAt(1), event], { logMs: SESSION_START + 59 * 60_000 });
    await query.deadLetter({ code: 'wrong_type', detail: '' });
    await query.store([event, eventAt(2)], late);
    await query.store([eventAt(3)], { projectId: 2 });
    await query.deadLetter({ code: 'missing_key', detail: '' }, { projectId: 0, ...late });
    await query.pool.query(
      `INSERT INTO ledger (project_id, hour, log_id, topic, partition, expired) VALUES (0, $1, 'x', 't', 1, 12)`,
      [new Date(SESSION_START)],
    );
    await query.pool.query('UPDATE ledger SET read = read + 1 WHERE project_id = 1 AND stored = 1');
    const hour = (ms: number, counts: object) => ({
      hour: new Date(SESSION_START + ms).toISOString(),
      read: 0,
      stored: 0,
      duplicate: 0,
      deadLettered: 0,
      erased: 0,
      expired: 0,
      removed: 0,
      balanced: true,
      ...counts,
    });
    const first = hour(0, { read: 4, stored: 2, duplicate: 1, deadLettered: 1 });
    const third = hour(2 * HOUR, { read: 3, stored: 1, duplicate: 1, balanced: false });
    const nobody = [hour(0, { expired: 12 }), hour(2 * HOUR, { read: 1, deadLettered: 1 })];
    expect(await ledger()).toMatchObject({ hours: [first, third], unattributed: nobody, pending: 0 });

    const between = (from: number, to: number) =>
      query.read(
        `/v1/ledger?from=${new Date(SESSION_START + from).toISOString()}&to=${new Date(SESSION_START + to).toISOString()}`,
        admin,
      );
    expect((await between(30 * 60_000, 2 * HOUR)).hours).toEqual([first]);
    expect((await between(HOUR, 2 * HOUR)).hours).toEqual([]);
    expect((await between(HOUR, 2 * HOUR + 1)).hours).toEqual([third]);
    expect((await query.read('/v1/ledger', { ...admin, projectId: 2 })).hours).toEqual([
      hour(0, { read: 1, stored: 1 }),
    ]);
  });
});
