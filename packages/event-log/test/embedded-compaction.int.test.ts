import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createEmbeddedLog } from '../src/embedded/index.ts';
import type { EventLog, LogRecord } from '../src/event-log.ts';

const topic = 'settings';
let folder: string;
let log: EventLog | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-compaction-'));
});
afterEach(async () => {
  await log?.close();
  await rm(folder, { recursive: true });
});

async function reopen({ compacted = true } = {}): Promise<EventLog> {
  await log?.close();
  log = await createEmbeddedLog({ folder, topics: [{ name: topic, partitions: 1, compacted }] });
  return log;
}

async function readAll(from: EventLog): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const follower = from.follow({
    topic,
    // Without the bytes that it shares with others: each comparison would go through all of these.
    onRecord: ({ valueIn, ...record }) => records.push(record),
  });
  await follower.caughtUp;
  follower.close();
  return records;
}

const bySetting = (records: readonly LogRecord[]) =>
  new Map(records.map(({ key, value, headers }) => [String(key), `${value} ${headers.from}`]));

async function write(to: EventLog, rounds: number, { keys = 7, size = 1 } = {}): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const records = Array.from({ length: keys }, (_, i) => ({
      key: `ключ-${i}`,
      value: Buffer.from(`${round}`.padEnd(size, '.')),
      headers: { from: `${round}.${i}` },
    }));
    await to.append(topic, records);
  }
}

test('at its start the log drops what was superseded, and keeps the last of each key, in order, with rising offsets', async () => {
  let open = await reopen();
  await write(open, 1, { keys: 1 });
  await open.append(topic, [{ key: 'once', value: Buffer.from('for ever'), headers: { from: 'start' } }]);
  await write(open, 300, { size: 3000 });
  const before = await readAll(open);
  expect(before).toHaveLength(2102);
  open = await reopen();
  const after = await readAll(open);
  expect(after).toHaveLength(8);
  expect(after.map(({ key }) => String(key))[0]).toBe('once');
  expect(bySetting(after)).toEqual(bySetting(before));
  expect(after[0]?.offset).toBe(2102);
  expect(await open.ranges(topic)).toEqual([{ topic, partition: 0, start: 2102, end: 2110 }]);
  expect(after[0]?.timeMs).toBeGreaterThanOrEqual(before.at(-1)?.timeMs ?? 0);
  await write(open, 1);
  expect((await readAll(open)).slice(-7).map(({ offset }) => offset)).toEqual([
    2110, 2111, 2112, 2113, 2114, 2115, 2116,
  ]);
  expect(await readAll(await reopen())).toHaveLength(15); // not worth the writing again
});

test('what is not superseded, or not compacted, stays where it is', async () => {
  const open = await reopen();
  await write(open, 1, { keys: 1500 });
  await write(open, 1, { keys: 900 });
  const before = await readAll(open);
  expect(await readAll(await reopen())).toEqual(before);
  await write(await reopen(), 3, { keys: 1500 });
  const more = await readAll(await reopen({ compacted: false }));
  expect(more).toHaveLength(2400 + 4500);
  expect(await readAll(await reopen())).toHaveLength(1500);
});
