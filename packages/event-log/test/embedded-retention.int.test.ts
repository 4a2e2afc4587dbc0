import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { keysByPartition, numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import { createGroupPositions } from '../src/embedded/group-positions.ts';
import { createEmbeddedLog, type EmbeddedLogOptions, forgetGroup } from '../src/embedded/index.ts';
import { openLogFile, positionKey } from '../src/embedded/log-file.ts';
import { openPartitions } from '../src/embedded/partition.ts';
import { createTrimmer } from '../src/embedded/trimmer.ts';
import { type EventLog, LogUnavailableError } from '../src/event-log.ts';
import { partitionOf } from '../src/murmur2.ts';

const topic = 'events';
const group = 'storage';
const KIB = 1024;
const MIB = 1024 * KIB;

let folder: string;
let log: EventLog | undefined;
let warnings: { group?: string | null; topic?: string; unread?: number; message: string }[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-retention-'));
  warnings = [];
});
afterEach(async () => {
  await log?.close();
  log = undefined;
  await rm(folder, { recursive: true });
});

async function reopen(options: Partial<EmbeddedLogOptions> = {}): Promise<EventLog> {
  await log?.close();
  const logger = {
    info() {},
    warn: (fields: object, message: string) => void warnings.push({ ...fields, message }),
    error() {},
  };
  log = await createEmbeddedLog({ folder, topics: [{ name: topic, partitions: 1 }], logger, ...options });
  return log;
}

async function rangeOf(of: EventLog, partition = 0) {
  const { start, end } = (await of.ranges(topic))[partition] ?? { start: -1, end: -1 };
  return { start, end };
}

const publish = (to: EventLog, offset: number, { by = group, partition = 0 } = {}) =>
  to.publishPosition(by, [{ topic, partition, offset }]);

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 15_000; !(await condition()); await sleep(10)) {
    if (Date.now() > deadline) throw new Error(`Not seen in 15 s: ${what}`);
  }
}

/** Chunks of ten records each, since each append is awaited. */
async function appendTens(to: EventLog, tens: number, { from = 0, key = 'key' } = {}): Promise<void> {
  for (let ten = 0; ten < tens; ten++) await to.append(topic, numbered(10, { from: from + ten * 10, key }));
}

/** So long that with a retention of 100 ms all that can go has gone, over and over. */
const untilTrimmed = () => sleep(500);
const quick = { retentionMs: 100 };

async function readAll(from: EventLog, offset: number, count: number): Promise<string[]> {
  const reader = await startReader(from, { topic, begin: async () => ({ offset }) });
  await reader.until(`${count} records`, () => reader.count() >= count);
  await reader.consumer.close();
  return reader.values();
}

test('what is older than the retention goes, up to the position of the slowest group, also over a restart', async () => {
  let open = await reopen(quick);
  await appendTens(open, 10);
  await publish(open, 65);
  await publish(open, 95, { by: 'other' });
  await until('the start moves', async () => (await rangeOf(open)).start === 60);
  await untilTrimmed();
  expect(await rangeOf(open)).toEqual({ start: 60, end: 100 });
  expect(await readAll(open, 60, 40)).toEqual(numbers(40, { from: 60 }));
  expect((await open.peek({ topic, partition: 0, offset: 0 }))?.offset).toBe(60);

  open = await reopen(quick);
  expect(await rangeOf(open)).toEqual({ start: 60, end: 100 });
  await untilTrimmed();
  expect(await rangeOf(open)).toEqual({ start: 60, end: 100 });
  await publish(open, 80);
  await until('the start moves again', async () => (await rangeOf(open)).start === 80);
  expect(await readAll(open, 80, 20)).toEqual(numbers(20, { from: 80 }));
});

test('what is younger than the retention stays until it is older', async () => {
  const open = await reopen({ retentionMs: 1500 });
  await appendTens(open, 1);
  const appendedAt = Date.now();
  await publish(open, 20);
  await sleep(300);
  await appendTens(open, 1, { from: 10 });
  await open.append(topic, numbered(1, { from: 20 }));
  await until('the first ten go', async () => (await rangeOf(open)).start > 0);
  expect(Date.now() - appendedAt).toBeGreaterThanOrEqual(1450);
  expect((await rangeOf(open)).start).toBe(10);
});

test('nothing goes that no group has published as read', async () => {
  let open = await reopen(quick);
  await appendTens(open, 5);
  const reader = await startReader(open, { topic }); // it reads, but its group publishes nothing
  await reader.until('all', () => reader.count() === 50);
  await untilTrimmed();
  expect(await rangeOf(open)).toEqual({ start: 0, end: 50 });
  open = await reopen(); // without a retention nothing goes at all
  await publish(open, 50);
  await untilTrimmed();
  expect(await rangeOf(open)).toEqual({ start: 0, end: 50 });
});

test('a partition of which a group has published nothing, while it has of others, is unread', async () => {
  const topics = [{ name: topic, partitions: 2 }];
  const open = await reopen({ ...quick, topics });
  const keys = keysByPartition(2, partitionOf);
  for (const key of keys) await appendTens(open, 5, { key });
  await publish(open, 50, { partition: 0 });
  await publish(open, 50, { partition: 0, by: 'other' });
  await publish(open, 50, { partition: 1, by: 'other' });
  await until('the first partition is trimmed', async () => (await rangeOf(open, 0)).start === 40);
  await untilTrimmed();
  expect(await rangeOf(open, 1)).toEqual({ start: 0, end: 50 });
});

test('where everything is read and old, offsets go on where they were, also after a restart', async () => {
  let open = await reopen(quick);
  await appendTens(open, 10);
  await publish(open, 100);
  await until('all but the last chunk is gone', async () => (await rangeOf(open)).start === 90);
  open = await reopen(quick);
  expect(await rangeOf(open)).toEqual({ start: 90, end: 100 });
  await open.append(topic, numbered(1, { from: 100 }));
  expect((await open.peek({ topic, partition: 0, offset: 99 }))?.value?.toString()).toBe('99');
  expect(await readAll(open, 100, 1)).toEqual(['100']);
});

test('a consumer that is behind the start is asked where to begin, and is never handed what comes after a hole', async () => {
  const open = await reopen(quick);
  await appendTens(open, 10);
  await publish(open, 100);
  await until('the log is trimmed', async () => (await rangeOf(open)).start === 90);
  const offsets = [0, 89];
  const behind = await startReader(open, {
    topic,
    begin: async ({ start }) => ({ offset: offsets.shift() ?? start }),
    handle: async ({ nextOffset }) => (behind.batches.length === 1 ? 12 : nextOffset),
  });
  await behind.until('twice the last ten', () => behind.count() === 20);
  expect(behind.begins.map(({ range }) => range.start)).toEqual([90, 90, 90, 90]);
  expect(behind.batches.map(({ firstOffset }) => firstOffset)).toEqual([90, 90]);
});

test('readers at every place while it is being trimmed get every record from where they began, or are asked anew', async () => {
  const open = await reopen({ retentionMs: 20 });
  let appended = 0;
  let stop = false;
  const appending = (async () => {
    for (; !stop; appended += 10) await open.append(topic, numbered(10, { from: appended }));
  })();
  const publishing = (async () => {
    for (; !stop; await sleep(3)) await publish(open, Math.max(0, appended - 20));
  })();
  const reader = await startReader(open, {
    topic,
    maxRecords: 7,
    // Goes back again and again, to near the start, where chunks are being removed.
    handle: async ({ nextOffset }) =>
      nextOffset % 5 === 0 ? Math.max(0, nextOffset - 30 - (nextOffset % 40)) : nextOffset,
  });
  await until('many batches, and many times behind', async () => {
    return reader.batches.length > 1000 && reader.begins.length > 10 && (await rangeOf(open)).start > 500;
  }).finally(() => {
    stop = true;
  });
  await Promise.all([appending, publishing]);
  for (const { records, firstOffset } of reader.batches) {
    expect(records[0]?.offset).toBe(firstOffset);
    expect(records.map(({ value }) => String(value))).toEqual(numbers(records.length, { from: firstOffset }));
  }
});

test('a partition begins later before its chunks are gone, and where it did if they could not be removed', async () => {
  await appendTens(await reopen(), 10);
  await log?.close();
  log = undefined;
  const file = await openLogFile(folder, []);
  const partitions = openPartitions(file, topic);
  const starts: (number | undefined)[] = [];
  let fail = true;
  const write: typeof file.write = async (writes) => {
    starts.push(partitions[0]?.start);
    if (fail) throw new LogUnavailableError('full', 'The disk of the test is full');
    await file.write(writes);
  };
  const logger = { info() {}, error() {}, warn: (_: object, message: string) => void warnings.push({ message }) };
  const positions = createGroupPositions(new Map([[positionKey(group, 1, 0), 55]]));
  await sleep(150); // so that all is old
  const trimmer = createTrimmer({ file: { ...file, write }, partitions, positions, ...quick, logger });
  try {
    await until('several failures', async () => starts.length > 3);
    expect(partitions[0]?.start).toBe(0);
    fail = false;
    await until('it is trimmed after all', async () => file.size().chunks === 5);
    expect(new Set(starts)).toEqual(new Set([50]));
    expect(partitions[0]?.start).toBe(50);
    expect(warnings.filter(({ message }) => /trimmed/.test(message)).map(({ message }) => message)).toEqual([
      'The event log could not be trimmed: The disk of the test is full',
    ]);
  } finally {
    await trimmer.close();
    await file.close();
  }
});

test('a group that begins again below what it has published, as after a restored back-up, holds the trimming back', async () => {
  const open = await reopen();
  await appendTens(open, 10);
  await publish(open, 100);
  const slow = await reopen(quick);
  let handOver = (): void => {};
  const gate = new Promise<void>((resolve) => {
    handOver = resolve;
  });
  const reader = await startReader(slow, {
    topic,
    group,
    maxRecords: 10,
    begin: async () => ({ offset: 20 }),
    async handle({ nextOffset }, { signal }) {
      signal.addEventListener('abort', handOver);
      await gate;
      return nextOffset;
    },
  });
  await reader.until('a batch', () => reader.batches.length === 1);
  await untilTrimmed();
  expect(await rangeOf(slow)).toEqual({ start: 20, end: 100 });
  handOver();
  await reader.until('all from 20 on', () => reader.count() === 80);
  expect(reader.values()).toEqual(numbers(80, { from: 20 }));
  expect(reader.begins.length).toBe(1);
  await publish(slow, 100);
  await until('it is trimmed after all', async () => (await rangeOf(slow)).start === 90);
});

test('a group that is gone keeps what it has not read, and a warning names it and how much', async () => {
  let open = await reopen();
  await appendTens(open, 10);
  await publish(open, 25, { by: 'gone' });
  await publish(open, 100);
  open = await reopen(quick);
  await until('a warning', async () => warnings.length > 0);
  await untilTrimmed();
  expect(await rangeOf(open)).toEqual({ start: 20, end: 100 });
  const message =
    'What is beyond the retention of the event log is kept, since the group gone has not read 75 records of events';
  expect(warnings).toEqual([{ group: 'gone', topic, unread: 75, message }]);
});

test('a group that is gone can be forgotten, while no process has the log open', async () => {
  let open = await reopen(quick);
  await appendTens(open, 10);
  await publish(open, 25, { by: 'gone' });
  await publish(open, 60, { by: 'gone/too' });
  await publish(open, 100);
  await expect(forgetGroup(folder, 'gone')).rejects.toThrow(/is in use by this process itself/);
  await open.close();
  expect(await forgetGroup(folder, 'never there')).toBe(0);
  expect(await forgetGroup(folder, 'gone')).toBe(1);
  open = await reopen(quick);
  await until('it is trimmed up to the next', async () => (await rangeOf(open)).start === 60);
  await untilTrimmed();
  expect((await rangeOf(open)).start).toBe(60);
});

test('a compacted topic is never trimmed', async () => {
  const topics = [{ name: topic, partitions: 1, compacted: true }];
  const open = await reopen({ ...quick, topics, retentionBytes: 40 * KIB });
  for (let i = 0; i < 20; i++) await open.append(topic, [{ key: `${i}`, value: Buffer.alloc(5000) }]);
  await publish(open, 20);
  await untilTrimmed();
  expect(await rangeOf(open)).toEqual({ start: 0, end: 20 });
});

const megabyte = (from = 0) =>
  Array.from({ length: 64 }, (_, i) => ({ key: 'key', value: Buffer.alloc(16 * KIB, from + i) }));

test('beyond the limit of its size the oldest that is read goes, no append is refused, and the file’s room is used again', async () => {
  let open = await reopen({ retentionBytes: 8 * MIB });
  for (let i = 0; i < 100; i++) {
    await open.append(topic, megabyte(i));
    await publish(open, (i + 1) * 64);
  }
  const { start, end } = await rangeOf(open);
  expect(end).toBe(6400);
  expect(end - start).toBeGreaterThan(5 * 64);
  expect(end - start).toBeLessThanOrEqual(8 * 64);
  expect((await stat(join(folder, 'data.mdb'))).size).toBeLessThan(16 * MIB);
  open = await reopen({ retentionBytes: 8 * MIB });
  expect(await rangeOf(open)).toEqual({ start, end });
  expect((await readAll(open, start, end - start)).length).toBe(end - start);
});

test('the oldest of all partitions goes first', async () => {
  const topics = [{ name: topic, partitions: 2 }];
  const [first, second] = keysByPartition(2, partitionOf) as [string, string];
  const open = await reopen({ topics, retentionBytes: 8 * MIB });
  for (const [times, key] of [
    [6, second],
    [6, first],
  ] as const) {
    for (let i = 0; i < times; i++) {
      await open.append(
        topic,
        megabyte().map((record) => ({ ...record, key })),
      );
      for (const partition of [0, 1]) await publish(open, (await rangeOf(open, partition)).end, { partition });
    }
  }
  expect((await rangeOf(open, 0)).start).toBe(0);
  expect((await rangeOf(open, 1)).start).toBeGreaterThan(64);
});

test('with the limit reached and nothing read, appends are refused as full, nothing goes, and reading makes room', async () => {
  let open = await reopen({ retentionBytes: 4 * MIB });
  const fill = async () => {
    for (let count = 0; ; count++) {
      const refusal = await open.append(topic, megabyte()).then(
        () => undefined,
        (error: LogUnavailableError) => error,
      );
      if (refusal) return { count, refusal };
    }
  };
  const { count, refusal } = await fill();
  expect(refusal).toBeInstanceOf(LogUnavailableError);
  expect(refusal).toMatchObject({
    reason: 'full',
    message: 'The event log has reached its limit of 4 MiB, and what is in it is not read yet',
  });
  expect(count).toBe(3);
  expect(await rangeOf(open)).toEqual({ start: 0, end: count * 64 });
  expect(warnings.at(-1)?.message).toMatch(/since no group has read 192 records of events$/);

  open = await reopen({ retentionBytes: 4 * MIB });
  await expect(open.append(topic, megabyte())).rejects.toMatchObject({ reason: 'full' });
  expect((await readAll(open, 0, count * 64)).length).toBe(count * 64);
  await expect(open.append(topic, megabyte())).rejects.toMatchObject({ reason: 'full' }); // read, but not stored
  await publish(open, 128);
  const publishedAt = performance.now();
  await until('there is room again', () =>
    open.append(topic, megabyte()).then(
      () => true,
      () => false,
    ),
  );
  expect(performance.now() - publishedAt).toBeLessThan(3000);
  const { start, end } = await rangeOf(open);
  expect(end).toBe((count + 1) * 64);
  expect(start).toBeGreaterThan(0);
  expect(start).toBeLessThanOrEqual(128);
  expect((await readAll(open, 128, end - 128)).length).toBe(end - 128);
});

test('a log at its limit still takes the settings, also those that wait beside what is refused', async () => {
  const topics = [
    { name: topic, partitions: 1 },
    { name: 'settings', partitions: 1, compacted: true },
  ];
  const open = await reopen({ topics, retentionBytes: 2 * MIB });
  await open.append(topic, megabyte());
  const [refused, taken] = await Promise.allSettled([
    open.append(topic, megabyte()),
    open.append('settings', numbered(3)),
  ]);
  expect(refused).toMatchObject({ status: 'rejected', reason: { reason: 'full' } });
  expect(taken.status).toBe('fulfilled');
  await open.append('settings', numbered(3));
  expect(await open.ranges('settings')).toMatchObject([{ start: 0, end: 6 }]);
  expect(await rangeOf(open)).toEqual({ start: 0, end: 64 });
});
