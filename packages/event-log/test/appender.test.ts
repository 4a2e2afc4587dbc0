import { expect, test } from '@jest/globals';
import { createAppender } from '../src/embedded/appender.ts';
import type { LogFile, Writes } from '../src/embedded/log-file.ts';
import type { Partition } from '../src/embedded/partition.ts';
import { LogUnavailableError } from '../src/index.ts';

/** A file whose disk does what the test says. The real one is in the other suites. */
function createDisk() {
  const written: Writes[] = [];
  let settle: { resolve(): void; reject(error: Error): void }[] = [];
  let damaged = false;
  const file: LogFile = {
    id: 'test',
    topics: new Map(),
    write: (writes) =>
      new Promise<void>((resolve, reject) => {
        written.push(writes);
        settle.push({ resolve, reject });
      }),
    readChunk: () => undefined,
    lastChunk() {
      if (damaged) throw new Error('damaged');
      return undefined;
    },
    chunkKeys: () => [],
    chunkTimeMs: () => Number.NaN,
    size: () => ({ bytes: 0, chunks: 0 }),
    freeBytes: () => 0,
    positions: () => new Map(),
    close: async () => {},
  };
  const answer = async (error?: Error) => {
    while (settle.length === 0) await new Promise(setImmediate);
    for (const { resolve, reject } of settle.splice(0)) error ? reject(error) : resolve();
    settle = [];
  };
  return {
    file,
    written,
    answer,
    damage: () => {
      damaged = true;
    },
  };
}

const newPartition = (): Partition => ({
  topic: 't',
  topicId: 1,
  partition: 0,
  start: 0,
  end: 0,
  lastTimeMs: 0,
  waiting: new Set(),
});
const record = { key: 'key', value: Buffer.alloc(100) };
const unavailable = { name: 'LogUnavailableError', reason: 'unavailable' };

test('calls that come while a transaction is written go together into the next', async () => {
  const { file, written, answer } = createDisk();
  const partition = newPartition();
  const appender = createAppender({ file, maxBytesInFlight: 1e6 });
  const first = appender.append([partition], [record]);
  while (written.length === 0) await new Promise(setImmediate);
  const others = Array.from({ length: 50 }, () => appender.append([partition], [record, record]));
  await answer();
  await first;
  await answer();
  await Promise.all(others);
  expect(written.length).toBe(2);
  expect(written[1]?.chunks.length).toBe(1);
  expect(partition.end).toBe(101);
});

test('positions that went with a transaction under way leave nothing to do, and the log goes on', async () => {
  // Once caught: the log took nothing more afterwards, and closing it never ended.
  const { file, written, answer } = createDisk();
  const appender = createAppender({ file, maxBytesInFlight: 1e6 });
  const first = appender.append([newPartition()], [record]);
  while (written.length === 0) await new Promise(setImmediate);
  const saved = appender.savePositions(new Map([['g', 1]]), true);
  await answer();
  await answer(); // the positions, taken by the same run
  await Promise.all([first, saved]);
  const next = appender.append([newPartition()], [record]);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  expect(written.length).toBe(3);
  await answer();
  await next;
  await appender.close();
});

test('a disk that does not answer in time refuses those who wait, and those who come; then it goes on', async () => {
  const { file, answer } = createDisk();
  const partition = newPartition();
  const appender = createAppender({ file, maxBytesInFlight: 1e6, deadlineMs: 50 });
  const waiting = [appender.append([partition], [record])];
  await new Promise((resolve) => setTimeout(resolve, 10));
  waiting.push(appender.append([partition], [record])); // behind it
  for (const append of waiting) await expect(append).rejects.toMatchObject(unavailable);
  await expect(appender.append([partition], [record])).rejects.toMatchObject(unavailable);
  expect(partition.end).toBe(0);
  await answer();
  await new Promise(setImmediate);
  expect(partition.end).toBe(1); // it came to be written after all: may be, says the contract
  const after = appender.append([partition], [record]);
  await answer();
  await after;
  expect(partition.end).toBe(2);
});

test('bytes of an append that was given up count until the disk has answered', async () => {
  const { file, answer } = createDisk();
  const partition = newPartition();
  const appender = createAppender({ file, maxBytesInFlight: 300, deadlineMs: 20 });
  await expect(appender.append([partition], [record, record])).rejects.toMatchObject(unavailable);
  await answer();
  await new Promise(setImmediate);
  const one = appender.append([partition], [record, record]);
  await expect(appender.append([partition], [record])).rejects.toMatchObject({ reason: 'busy' });
  await answer();
  await one;
});

test('after a failure whose outcome cannot be read from the file, nothing more is written', async () => {
  const { file, answer, damage, written } = createDisk();
  const appender = createAppender({ file, maxBytesInFlight: 1e6 });
  const append = appender.append([newPartition()], [record]);
  damage();
  await answer(new LogUnavailableError('unavailable', 'input/output error'));
  await expect(append).rejects.toThrow('input/output error');
  await expect(appender.append([newPartition()], [record])).rejects.toMatchObject({
    ...unavailable,
    message: 'damaged',
  });
  expect(written.length).toBe(1);
});

test('positions wait for the next transaction, or go at once; those that could not be kept are told and kept later', async () => {
  const { file, answer, written } = createDisk();
  const appender = createAppender({ file, maxBytesInFlight: 1e6 });
  await appender.savePositions(new Map([['group', 5]]), false);
  const append = appender.append([newPartition()], [record]);
  await answer();
  await append;
  expect(written.map(({ positions }) => [...positions])).toEqual([[['group', 5]]]);

  const back = appender.savePositions(new Map([['group', 3]]), true);
  await answer(new LogUnavailableError('full', 'full'));
  await expect(back).rejects.toMatchObject(unavailable);
  const closing = appender.close();
  await answer();
  await closing;
  expect([...(written.at(-1)?.positions ?? [])]).toEqual([['group', 3]]);
});
