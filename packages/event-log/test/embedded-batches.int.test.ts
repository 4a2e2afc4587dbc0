import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startReader } from '../src/contract-suite/reader.ts';
import { createEmbeddedLog } from '../src/embedded/index.ts';

const MB = 1024 * 1024;
const RECORDS = 12;

test('T6: a batch has at most 2 MB, however much is asked for: one of every partition may be in hand', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wayline-batches-'));
  const log = await createEmbeddedLog({ folder, topics: [{ name: 'events', partitions: 1 }] });
  try {
    for (let n = 0; n < RECORDS; n++) await log.append('events', [{ key: 's', value: Buffer.alloc(MB / 2, n) }]);
    const reader = await startReader(log, { topic: 'events', maxBytes: 16 * MB });
    await reader.until('all of it', () => reader.count() === RECORDS);
    const sizes = reader.batches.map(({ records }) =>
      records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0),
    );
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * MB);
    expect(Math.max(...sizes)).toBeGreaterThan(MB / 2); // and is not one record either
    await reader.consumer.close();
  } finally {
    await log.close();
    await rm(folder, { recursive: true });
  }
});
