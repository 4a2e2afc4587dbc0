import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { EventLog, Lease, LogBatch } from '../event-log.ts';
import type { DefineTest } from './log-under-test.ts';
import { newGroup, numbered, numbers, type Reader, startReader } from './reader.ts';

/** Stands for the database: positions and rows, moved together, by compare-and-set as the worker does it. */
function createStore() {
  const positions = new Map<number, number>();
  const rows: string[] = [];
  return {
    rows,
    position: (partition: number) => positions.get(partition) ?? 0,
    write(batch: LogBatch): number {
      const at = positions.get(batch.partition) ?? 0;
      if (batch.firstOffset > at) throw new Error(`${batch.firstOffset} was handed over, but ${at} was not`);
      const fresh = batch.records.filter((record) => record.offset >= at);
      rows.push(...fresh.map((record) => `${record.key}:${record.value}`));
      positions.set(batch.partition, Math.max(at, batch.nextOffset));
      return Math.max(at, batch.nextOffset);
    },
  };
}

/** Sees to it that nobody is given a partition while another one's lease on it lasts. */
function createReferee() {
  const leases = new Map<number, Map<Lease, string>>();
  const faults: string[] = [];
  return {
    faults,
    see(who: string, partition: number, lease: Lease): void {
      const known = leases.get(partition) ?? new Map<Lease, string>();
      for (const [other, owner] of known) {
        if (other.signal.aborted) known.delete(other);
        else if (owner !== who) faults.push(`${who} was given partition ${partition} while ${owner} held it`);
      }
      leases.set(partition, known.set(lease, who));
    },
  };
}

const keys = Array.from({ length: 40 }, (_, i) => `session-${i}`);

async function appendRound(log: EventLog, topic: string, round: number): Promise<void> {
  await log.append(
    topic,
    keys.flatMap((key) => numbered(5, { key, from: round * 5 })),
  );
}

/** What must be stored after so many rounds: every record once. */
const rowsOf = (rounds: number) => keys.flatMap((key) => numbers(rounds * 5, { prefix: `${key}:` })).sort();

const partitionsOf = (reader: Reader): number[] =>
  reader.consumer
    .assigned()
    .map(({ partition }) => partition)
    .sort((a, b) => a - b);

/** How consumers of a group share partitions and take over from one another. */
export function groupContract(define: DefineTest): void {
  define(
    'consumers that join share the partitions, and nothing is lost or doubled',
    { partitions: 6 },
    async (test) => {
      const { log, topic } = test;
      const group = newGroup();
      const store = createStore();
      const referee = createReferee();
      const join = (who: string) =>
        startReader(log, {
          topic,
          group,
          maxRecords: 10,
          async begin({ partition }, lease) {
            referee.see(who, partition, lease);
            return { offset: store.position(partition) };
          },
          async handle(batch, lease) {
            referee.see(who, batch.partition, lease);
            await sleep(2);
            return lease.signal.aborted ? batch.firstOffset : store.write(batch);
          },
        });
      const first = await join('the first');
      await appendRound(log, topic, 0);
      await first.until('work', () => store.rows.length > 50);
      const second = await join('the second');
      for (let round = 1; round < 6; round++) await appendRound(log, topic, round);
      await second.until('its share', () => second.batches.length > 3);
      await first.until('everything stored', () => store.rows.length >= keys.length * 30);
      expect(partitionsOf(first).length).toBe(3);
      expect(partitionsOf(second).length).toBe(3);
      expect([...partitionsOf(first), ...partitionsOf(second)].sort()).toEqual([0, 1, 2, 3, 4, 5]);

      const third = await join('the third');
      await third.until('its share', () => third.begins.length >= 2);
      for (let round = 6; round < 8; round++) await appendRound(log, topic, round);
      await third.until('everything stored', () => store.rows.length >= keys.length * 40);

      await first.consumer.close();
      expect(first.consumer.assigned()).toEqual([]);
      const handled = first.batches.length;
      await second.until('what was free', () => partitionsOf(second).length + partitionsOf(third).length === 6);
      for (let round = 8; round < 10; round++) await appendRound(log, topic, round);
      await third.until('everything stored', () => store.rows.length >= keys.length * 50);
      expect(first.batches.length).toBe(handled);
      expect([...store.rows].sort()).toEqual(rowsOf(10));
      expect(referee.faults).toEqual([]);
    },
  );

  define(
    'a partition that moves aborts its lease, and waits for the handler in hand',
    { partitions: 2 },
    async (test) => {
      const { log, topic } = test;
      const group = newGroup();
      const referee = createReferee();
      const gate = test.createGate();
      const held: { partition: number; lease: Lease; done: boolean }[] = [];
      const first = await startReader(log, {
        topic,
        group,
        async handle(batch, lease) {
          referee.see('the first', batch.partition, lease);
          const entry = { partition: batch.partition, lease, done: false };
          held.push(entry);
          await gate.opened;
          entry.done = true;
          return batch.nextOffset;
        },
      });
      await appendRound(log, topic, 0);
      await first.until('both partitions at work', () => held.length === 2);
      const second = await startReader(log, {
        topic,
        group,
        async begin({ partition, start }, lease) {
          referee.see('the second', partition, lease);
          return { offset: start };
        },
      });
      const lost = () => held.filter(({ lease }) => lease.signal.aborted);
      while (lost().length === 0) await sleep(20); // a lease has an event, but which one is lost is not known
      expect(lost().every(({ done }) => !done)).toBe(true);
      gate.open();
      await second.until('its partition', () => second.batches.length > 0);
      expect(referee.faults).toEqual([]);
      expect(partitionsOf(second).length).toBe(1);
      const [partition] = partitionsOf(second);
      expect(lost().some((entry) => entry.partition === partition)).toBe(true);
    },
  );

  define('more consumers than partitions: the spare one takes over', { partitions: 1 }, async ({ log, topic }) => {
    const group = newGroup();
    const store = createStore();
    const join = () =>
      startReader(log, {
        topic,
        group,
        begin: async ({ partition }) => ({ offset: store.position(partition) }),
        handle: async (batch, lease) => (lease.signal.aborted ? batch.firstOffset : store.write(batch)),
      });
    const readers = [await join(), await join()];
    await appendRound(log, topic, 0);
    const [busy, spare] = (await Promise.race(
      readers.map(async (reader, i) => {
        await reader.until('everything', () => store.rows.length === 200 && partitionsOf(reader).length === 1);
        return [reader, readers[1 - i]] as [Reader, Reader];
      }),
    )) as [Reader, Reader];
    await busy.consumer.close();
    await appendRound(log, topic, 1);
    await spare.until('the new records', () => store.rows.length === 400);
    expect([...store.rows].sort()).toEqual(rowsOf(2));
    expect(partitionsOf(spare)).toEqual([0]);
  });

  define('each group reads everything for itself', { partitions: 3 }, async ({ log, topic }) => {
    await appendRound(log, topic, 0);
    const one = await startReader(log, { topic });
    const other = await startReader(log, { topic });
    for (const reader of [one, other]) {
      await reader.until('everything', () => reader.count() === 200);
      expect(partitionsOf(reader)).toEqual([0, 1, 2]);
    }
  });
}
