import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { numbered, startReader } from '../src/contract-suite/index.ts';
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
