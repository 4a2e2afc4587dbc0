import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { open } from 'lmdb';
import { numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import { chunkKey } from '../src/embedded/chunk.ts';
import { createEmbeddedLog } from '../src/embedded/index.ts';
import { openLogFile, positionKey } from '../src/embedded/log-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-log-'));
});
afterEach(() => rm(folder, { recursive: true }));

const topics = [{ name: 'events', partitions: 1 }];

/** Changes a byte of the record with this text, wherever the file holds it. */
async function damage(text: string): Promise<void> {
  const file = join(folder, 'data.mdb');
  const content = await readFile(file);
  let found = 0;
  for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1), found++) content.writeUInt8(33, at);
  expect(found).toBeGreaterThan(0);
  await writeFile(file, content);
}

test('a topic keeps its number of partitions, and others may be added', async () => {
  await (await createEmbeddedLog({ folder, topics })).close();
  await expect(createEmbeddedLog({ folder, topics: [{ name: 'events', partitions: 2 }] })).rejects.toThrow(
    /^The topic events of the event log in .* has 1 partitions, and cannot be given 2/,
  );
  const log = await createEmbeddedLog({ folder, topics: [...topics, { name: 'direct', partitions: 3 }] });
  await log.append('direct', numbered(5));
  await log.append('events', numbered(5));
  await log.close();
  const again = await createEmbeddedLog({ folder, topics });
  expect((await again.ranges('direct')).map(({ end }) => end).sort()).toEqual([0, 0, 5]);
  await again.close();
});

test('a record that is not as it was written is told with its place, and nothing is handed over in its stead', async () => {
  const log = await createEmbeddedLog({ folder, topics });
  for (const text of ['first', 'second-and-damaged', 'third']) {
    await log.append('events', [{ key: 'key', value: Buffer.from(text) }]);
  }
  await log.close();
  await damage('second-and-damaged');

  const again = await createEmbeddedLog({ folder, topics });
  const sentence = /is damaged: the records of events, partition 0, from offset 1 on, are not as they were written$/;
  await expect(again.peek({ topic: 'events', partition: 0, offset: 1 })).rejects.toThrow(sentence);
  const reader = await startReader(again, { topic: 'events' });
  await expect(reader.consumer.ended).rejects.toThrow(sentence);
  expect(reader.values()).toEqual(['first']);
  await again.close();
});

test('damage at the end of a partition is told when the log is opened', async () => {
  const log = await createEmbeddedLog({ folder, topics });
  await log.append('events', [{ key: 'key', value: Buffer.from('the-last-record') }]);
  await log.close();
  await damage('the-last-record');
  await expect(createEmbeddedLog({ folder, topics })).rejects.toThrow(/is damaged: the records of events/);
});

/** Removes chunks of the first topic behind the log's back. */
async function lose(...offsets: number[]): Promise<void> {
  const file = await openLogFile(folder, topics);
  await file.write({ chunks: [], positions: new Map(), removed: offsets.map((offset) => chunkKey(1, 0, offset)) });
  await file.close();
}

test('records missing in the middle are told with their place, and nothing is handed over in their stead', async () => {
  const log = await createEmbeddedLog({ folder, topics });
  for (let ten = 0; ten < 5; ten++) await log.append('events', numbered(10, { from: ten * 10 }));
  await log.close();
  await lose(20);

  const again = await createEmbeddedLog({ folder, topics });
  const sentence = 'The event log is damaged: it lacks events, partition 0, from offset';
  await expect(again.peek({ topic: 'events', partition: 0, offset: 25 })).rejects.toThrow(`${sentence} 25 on`);
  expect((await again.peek({ topic: 'events', partition: 0, offset: 30 }))?.offset).toBe(30);
  // It once went round in circles here, and let nothing else happen in the process.
  const reader = await startReader(again, { topic: 'events' });
  await expect(reader.consumer.ended).rejects.toThrow(`${sentence} 20 on`);
  expect(reader.values()).toEqual(numbers(20));
  const followed: string[] = [];
  const follower = again.follow({ topic: 'events', onRecord: ({ value }) => followed.push(String(value)) });
  await expect(follower.caughtUp).rejects.toThrow(`${sentence} 20 on`);
  await expect(follower.ended).rejects.toThrow(sentence);
  expect(followed).toEqual(numbers(20));
  await again.close();
});

test('a log that has lost its id, or its topics, is damaged, and not a new one', async () => {
  const log = await createEmbeddedLog({ folder, topics });
  await log.append('events', numbered(5));
  await log.close();
  for (const key of ['id', 'topics', 'format']) {
    const root = open({ path: folder, noSubdir: false, maxDbs: 3 });
    await root.openDB('meta', { encoding: 'json' }).remove(key);
    await root.close();
    await expect(createEmbeddedLog({ folder, topics })).rejects.toThrow(/is damaged \(it lacks its id\)/);
  }
});

test('a file that is shorter than it says, since its last pages are free, is used as it is', async () => {
  const log = await createEmbeddedLog({ folder, topics });
  for (let i = 0; i < 30; i++) await log.append('events', numbered(1, { from: i })); // leaves free pages before it
  await log.append('events', [{ key: 'key', value: Buffer.alloc(400_000, '!') }]);
  await log.close();
  await lose(30);
  const file = join(folder, 'data.mdb');
  const content = await readFile(file);
  const gone = content.subarray(-40_000);
  expect(gone.every((byte) => byte === 33 || byte === 0)).toBe(true);
  await truncate(file, content.length - gone.length);

  const again = await createEmbeddedLog({ folder, topics });
  for (let i = 0; i < 10; i++) await again.append('events', [{ key: 'key', value: Buffer.alloc(100_000, 'y') }]);
  const reader = await startReader(again, { topic: 'events' });
  await reader.until('all', () => reader.count() === 40);
  expect(reader.values().slice(0, 30)).toEqual(numbers(30));
  await again.close();
});

test('a file that is no log, or a folder that cannot be one, is told in a sentence', async () => {
  await writeFile(join(folder, 'data.mdb'), Buffer.alloc(8192, 'not a log'));
  await expect(createEmbeddedLog({ folder, topics })).rejects.toThrow(
    /^The file .*data.mdb is no event log, or is damaged/,
  );
  await writeFile(join(folder, 'file'), '');
  await expect(createEmbeddedLog({ folder: join(folder, 'file', 'log'), topics })).rejects.toThrow(
    /^The folder .* for the event log cannot be used: ENOTDIR/,
  );
  await mkdir(join(folder, 'new'));
  await expect(
    createEmbeddedLog({ folder: join(folder, 'new'), topics: [{ name: 'events', partitions: 0 }] }),
  ).rejects.toThrow('The topic events needs at least one partition, not 0');
});

test('published positions are kept over close, and one that moved back is kept at once', async () => {
  const log = await createEmbeddedLog({ folder, topics });
  await log.append('events', numbered(10));
  await log.publishPosition('storage', [{ topic: 'events', partition: 0, offset: 8 }]);
  await log.publishPosition('probe', [{ topic: 'events', partition: 0, offset: 10 }]);
  await log.publishPosition('storage', [{ topic: 'events', partition: 0, offset: 3 }]);
  await log.publishPosition('storage', [{ topic: 'events', partition: 0, offset: 6 }]);
  await log.close();
  const file = await openLogFile(folder, topics);
  expect(file.positions()).toEqual(
    new Map([
      [positionKey('probe', 1, 0), 10],
      [positionKey('storage', 1, 0), 6],
    ]),
  );
  await file.close();
});
