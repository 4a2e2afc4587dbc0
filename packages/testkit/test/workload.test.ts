import { createHash } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { createEventValidator, type IdentifiedEvent } from '@wayline/contracts';
import { generateEvents, type WorkloadOptions } from '../src/workload.ts';
import { writeWorkload } from '../src/write-workload.ts';

function digest(options: WorkloadOptions): string {
  const hash = createHash('sha256');
  for (const line of generateEvents(options)) hash.update(line).update('\n');
  return hash.digest('hex');
}

describe('the workload is the same bytes on every machine and in every version', () => {
  test.each([
    [{ count: 1000 }, '9bffc95d51554eec1e7a5ee4ecb1d871ac3437be09623ee2d9857189f878729b'],
    [{ count: 200_000 }, '775eac8a03d228ce4328dee8f051f7e4978d32f4cbe24df033fabce0605883a9'],
  ])('%j', (options, expected) => {
    expect(digest(options)).toBe(expected);
  });

  test('another seed, start or span gives other events', () => {
    const all = [{}, { seed: 2 }, { start: '2026-01-06T00:00:00Z' }, { hours: 2 }].map((options) =>
      digest({ count: 10, ...options }),
    );
    expect(new Set(all).size).toBe(all.length);
  });
});

test('every event of the workload is valid, has an id of its own, and lies in the span in order', () => {
  const validator = createEventValidator();
  const events = [...generateEvents({ count: 5000, seed: 3, start: '2026-02-01T00:00:00Z', hours: 1 })].map(
    (line) => JSON.parse(line) as IdentifiedEvent,
  );
  expect(events.flatMap((event) => validator.validate(event))).toEqual([]);
  expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(5000);
  const times = events.map(({ occurredAt }) => String(occurredAt));
  expect(times).toEqual([...times].sort());
  expect(times[0]?.startsWith('2026-02-01T00:00')).toBe(true);
  expect(times.at(-1)?.startsWith('2026-02-01T00:59')).toBe(true);
});

describe('writing a workload', () => {
  test('waits for the reader: what is not read is not made', async () => {
    const output = new PassThrough();
    const writing = writeWorkload(output, { count: 20_000 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(output.readableLength + output.writableLength).toBeLessThan(2_000_000);
    let lines = 0;
    output.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) lines++;
    });
    await writing;
    output.end();
    expect(lines).toBe(20_000);
  });
});
