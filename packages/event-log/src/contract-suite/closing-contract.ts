import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { Lease } from '../event-log.ts';
import type { DefineTest } from './log-under-test.ts';
import { numbered, numbers, startReader } from './reader.ts';

/** Leases, and what happens when a consumer or the log is closed in the middle of things. */
export function closingContract(define: DefineTest): void {
  define('closing a consumer aborts the leases and waits for the handler in hand', {}, async (test) => {
    const { log, topic } = test;
    await log.append(topic, numbered(100));
    const gate = test.createGate();
    const leases: Lease[] = [];
    let done = 0;
    const reader = await startReader(log, {
      topic,
      maxRecords: 10,
      async handle(batch, lease) {
        leases.push(lease);
        if (batch.firstOffset === 10) await gate.opened;
        done++;
        return batch.nextOffset;
      },
    });
    await reader.until('the second batch', () => leases.length === 2);
    expect(leases.map(({ signal }) => signal.aborted)).toEqual([false, false]);
    let closed = false;
    const closing = reader.consumer.close().then(() => {
      closed = true;
    });
    if (!leases[1]?.signal.aborted) {
      await new Promise((resolve) => leases[1]?.signal.addEventListener('abort', resolve));
    }
    await sleep(100); // in which it must not close
    expect([closed, done]).toEqual([false, 1]);
    gate.open();
    await closing;
    await reader.consumer.ended;
    expect(done).toBe(2);
    expect(reader.consumer.assigned()).toEqual([]);
    expect(reader.begins[0]?.lease.signal.aborted).toBe(true);
    await log.append(topic, numbered(5));
    await reader.consumer.close();
    expect(reader.batches.length).toBe(2);
  });

  define('a consumer can be closed while begin is being asked, or keeps failing', { partitions: 2 }, async (test) => {
    const { log, topic } = test;
    await log.append(topic, numbered(5));
    const reader = await startReader(log, {
      topic,
      begin: async ({ partition }, lease) => {
        if (partition === 0) throw new Error('the begin of the test fails');
        await new Promise((resolve) => lease.signal.addEventListener('abort', resolve));
        throw new Error('given up');
      },
    });
    await reader.until('both partitions', () => new Set(reader.begins.map(({ range }) => range.partition)).size === 2);
    await reader.consumer.close();
    expect(reader.batches).toEqual([]);
  });

  define('closing the log closes its consumers, waiting for the handler in hand', {}, async (test) => {
    const { log, topic } = test;
    await log.append(topic, numbered(10));
    const gate = test.createGate();
    let done = false;
    const reader = await startReader(log, {
      topic,
      async handle(batch) {
        await gate.opened;
        done = true;
        return batch.nextOffset;
      },
    });
    await reader.until('a batch', () => reader.batches.length === 1);
    const closing = log.close();
    setTimeout(gate.open, 100);
    await closing;
    expect(done).toBe(true);
    await reader.consumer.ended;
  });

  define(
    'closing lets appends in flight settle, and refuses those that come after',
    { partitions: 3 },
    async (test) => {
      const { log, topic } = test;
      const appends = Array.from({ length: 20 }, (_, i) => log.append(topic, numbered(10, { key: `k${i}` })));
      const settled = Promise.allSettled(appends);
      await Promise.all([log.close(), log.close()]);
      await expect(log.append(topic, numbered(1))).rejects.toMatchObject({ name: 'LogUnavailableError' });
      const taken = (await settled).filter(({ status }) => status === 'fulfilled').length;
      const ranges = await (await test.reopen()).ranges(topic);
      expect(taken).toBe(20);
      expect(ranges.reduce((sum, { end }) => sum + end, 0)).toBe(200);
    },
  );

  define('a log that was closed while busy opens again and gives everything', {}, async (test) => {
    const { topic } = test;
    await test.log.append(topic, numbered(1000));
    const reader = await startReader(test.log, { topic, maxRecords: 7 });
    await reader.until('some batches', () => reader.batches.length > 3);
    await Promise.all([test.log.append(topic, numbered(1000, { from: 1000 })), test.reopen()]);
    const again = await startReader(test.log, { topic });
    await again.until('everything', () => again.count() === 2000);
    expect(again.values()).toEqual(numbers(2000));
  });
}
