import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { startReader } from '../src/contract-suite/index.ts';
import type { EventLog } from '../src/event-log.ts';

interface KeyedRecord {
  key: string;
  value: string;
}

/** Writers of a key each, that always have some records under way, in the order of their numbers. */
export function startKeyWriters(log: EventLog, { topic, keys }: { topic: string; keys: number }) {
  const acknowledged = new Map<string, number>();
  const rejected: unknown[] = [];
  let stopped = false;
  const write = async (key: string) => {
    const underWay: Promise<void>[] = [];
    for (let i = 0; !stopped; i++) {
      underWay.push(
        log.append(topic, [{ key, value: Buffer.from(String(i)) }]).then(
          () => void acknowledged.set(key, i + 1),
          (error) => void rejected.push(error),
        ),
      );
      if (underWay.length === 20) await underWay.shift();
      if (i % 3 === 0) await sleep(1); // so that a key's records are in the request under way, and in the next
    }
    await Promise.all(underWay);
  };
  const writers = Array.from({ length: keys }, (_, i) => write(`session-${i}`));
  return {
    total: () => [...acknowledged.values()].reduce((sum, n) => sum + n, 0),
    /** Resolves once so many more were acknowledged. */
    async more(wanted: number): Promise<void> {
      for (const target = this.total() + wanted; this.total() < target; ) await sleep(20);
    },
    /** What was acknowledged of each key, when all is settled: everything. */
    async stop(): Promise<Map<string, number>> {
      stopped = true;
      await Promise.all(writers);
      expect(rejected).toEqual([]);
      return acknowledged;
    },
  };
}

/** All that stands in a topic, in the order of each partition; by a reader that is gone afterwards. */
export async function readAll(log: EventLog, topic: string): Promise<KeyedRecord[]> {
  const wanted = (await log.ranges(topic)).reduce((sum, { end }) => sum + end, 0);
  const reader = await startReader(log, { topic });
  await reader.until('everything', () => reader.count() >= wanted);
  await reader.consumer.close();
  return reader.batches.flatMap((batch) =>
    batch.records.map((record) => ({ key: String(record.key), value: String(record.value) })),
  );
}

/** Of each key all that was acknowledged is there, and each value stands for the first time in the order of sending. */
export function expectAllInOrder(records: readonly KeyedRecord[], acknowledged: ReadonlyMap<string, number>): void {
  for (const [key, count] of acknowledged) {
    const first = [...new Set(records.filter((record) => record.key === key).map(({ value }) => Number(value)))];
    expect(first.slice(0, count)).toEqual(Array.from({ length: count }, (_, i) => i));
  }
}
