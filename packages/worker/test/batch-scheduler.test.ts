import { describe, expect, jest, test } from '@jest/globals';
import { type JudgedRecord, type PartitionBatch, PositionMovedError, type StoredCounts } from '@wayline/store';
import type { UnjudgedBatch } from '../src/batch-parts.ts';
import { BatchScheduler } from '../src/batch-scheduler.ts';
import { Throttle } from '../src/throttle.ts';

const logger = { info() {}, warn() {}, error() {} };
const settings = { maxRows: 100, lingerMs: 1, concurrency: 2, adaptive: true };
const rejections = { maxRejected: 3, stoppedMs: 5 };

function batchOf(partition: number, firstOffset: number, count: number): PartitionBatch {
  const records = Array.from(
    { length: count },
    (_, i): JudgedRecord => ({
      offset: firstOffset + i,
      timeMs: 0,
      projectId: 1,
      original: { key: null, value: Buffer.from('x'), headers: {} },
      verdict: {
        store: {
          event: { eventId: '01890a5d-ac96-774b-bcce-b302099a8057', sessionId: 's', type: 't' },
          receivedMs: 0,
          times: { keyMs: 0, skewMs: 0, correctedMs: 0, claim: false },
        },
      },
    }),
  );
  return { topic: 't', partition, firstOffset, nextOffset: firstOffset + count, records };
}

/** Stands where the database would; what the database itself does is tested on a real one. */
function schedulerOver(
  write: (batches: readonly PartitionBatch[]) => Promise<void>,
  position = 0,
  throttle = new Throttle(settings),
) {
  const calls: (readonly PartitionBatch[])[] = [];
  const judged: number[] = [];
  const scheduler = new BatchScheduler<PartitionBatch & Pick<UnjudgedBatch, 'endOffset'>>({
    judge: (batch) => {
      judged.push(batch.partition);
      return batch;
    },
    throttle,
    rejections,
    logger,
    readNextOffset: async () => position,
    onStored: () => undefined,
    writer: {
      forget: () => undefined,
      write: async (batches): Promise<StoredCounts[]> => {
        calls.push(batches);
        await write(batches);
        return batches.map(({ records }) => ({ stored: records.length, duplicate: 0, deadLettered: 0 }));
      },
    },
  });
  return { scheduler, calls, judged };
}

const inFlight = (concurrency: number): Throttle => new Throttle({ ...settings, concurrency });

const lease = { signal: new AbortController().signal };
const dataError = Object.assign(new Error('invalid'), { code: '22021' });

describe('batches on their way into transactions', () => {
  test('several partitions share a transaction', async () => {
    const { scheduler, calls } = schedulerOver(async () => undefined);
    const next = await Promise.all([1, 2, 3].map((p) => scheduler.submit(batchOf(p, 0, 10), lease)));
    expect(next).toEqual([10, 10, 10]);
    expect(calls).toHaveLength(1);
  });

  test('a transaction waits for more until its first record is so old', async () => {
    const throttle = new Throttle({ ...settings, lingerMs: 50 });
    const { scheduler, calls } = schedulerOver(async () => undefined, 0, throttle);
    const records = (partition: number, ageMs: number): PartitionBatch => {
      const batch = batchOf(partition, 0, 10);
      return { ...batch, records: batch.records.map((record) => ({ ...record, timeMs: Date.now() - ageMs })) };
    };
    jest.useFakeTimers();
    try {
      const stored = [scheduler.submit(records(1, 20), lease)];
      await jest.advanceTimersByTimeAsync(29);
      stored.push(scheduler.submit(records(2, 0), lease));
      expect(calls).toHaveLength(0);
      await jest.advanceTimersByTimeAsync(1);
      expect(calls.map((batches) => batches.length)).toEqual([2]);
      stored.push(scheduler.submit(records(3, 1000), lease));
      await jest.advanceTimersByTimeAsync(1);
      expect(calls).toHaveLength(2);
      await Promise.all(stored);
    } finally {
      jest.useRealTimers();
    }
  });

  test('no transaction is larger than its limit: a batch that is longer is stored in parts, one after the other', async () => {
    const { scheduler, calls } = schedulerOver(async () => undefined);
    const next = await Promise.all([60, 60, 230].map((n, p) => scheduler.submit(batchOf(p, 0, n), lease)));
    expect(next).toEqual([60, 60, 230]);
    const partsOf = (batches: readonly PartitionBatch[]) =>
      batches.map(({ firstOffset, nextOffset, records }) => [firstOffset, nextOffset, records.length]);
    expect(calls.map(partsOf)).toEqual([
      [[0, 60, 60]],
      [[0, 60, 60]],
      [[0, 77, 77]],
      [[77, 154, 77]],
      [[154, 230, 76]],
    ]);
  });

  test('O4: while others ask, transactions are smaller, one at a time, with a rest after each', async () => {
    const throttle = new Throttle({ ...settings, maxRows: 20_000 });
    throttle.adapt({ slow: false, askedBy: 0, behind: false });
    let written = 0;
    const write = async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      written++;
    };
    const { scheduler, calls } = schedulerOver(write, 0, throttle);
    const done = Array.from({ length: 8 }, (_, p) => scheduler.submit(batchOf(p, 0, 2_000), lease));
    while (written === 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toHaveLength(1); // it rests
    expect(scheduler.isBehind).toBe(true);
    await Promise.all(done);
    const sizes = calls.map((batches) => batches.reduce((sum, { records }) => sum + records.length, 0));
    expect(sizes).toEqual(sizes.map(() => 4_000)); // of which the bound of 5000 takes two
  });

  test('what waits is not judged before its transaction begins', async () => {
    const waiting: (() => void)[] = [];
    const { scheduler, judged } = schedulerOver(() => new Promise((resolve) => void waiting.push(resolve)));
    const all = [0, 1, 2, 3].map((p) => scheduler.submit(batchOf(p, 0, 90), lease));
    expect(judged).toEqual([0, 1]);
    expect(scheduler.isBehind).toBe(true);
    const finish = setInterval(() => waiting.shift()?.(), 1);
    await Promise.all(all);
    clearInterval(finish);
    expect(judged).toEqual([0, 1, 2, 3]);
    expect(scheduler.isBehind).toBe(false);
  });

  test('while two are being written, the next waits until it is filled, or one of them is done', async () => {
    const writing: (() => void)[] = [];
    const { scheduler, calls } = schedulerOver(
      () => new Promise((resolve) => void writing.push(resolve)),
      0,
      inFlight(3),
    );
    const partitionsOf = () => calls.map((batches) => batches.map(({ partition }) => partition));
    const withMore = (partition: number, count: number) => ({ ...batchOf(partition, 0, count), endOffset: 100_000 });
    const all = [withMore(0, 90), withMore(1, 90), withMore(2, 10), batchOf(3, 0, 10)].map((batch) =>
      scheduler.submit(batch, lease),
    );
    expect(partitionsOf()).toEqual([[0], [1]]);
    expect(scheduler.isBehind).toBe(true);
    all.push(scheduler.submit(withMore(4, 60), lease));
    expect(partitionsOf()).toEqual([[0], [1], [2, 3, 4]]);
    writing.shift()?.();
    await all[0];
    all.push(scheduler.submit(withMore(5, 10), lease));
    expect(partitionsOf()).toHaveLength(3);
    writing.shift()?.();
    await all[1];
    await new Promise((resolve) => setImmediate(resolve));
    expect(partitionsOf()).toEqual([[0], [1], [2, 3, 4], [5]]);
    for (const finish of writing) finish();
    await Promise.all(all);
  });

  test('what is little waits for one of the two even without a backlog, and what is enough does not', async () => {
    const writing: (() => void)[] = [];
    const { scheduler, calls } = schedulerOver(
      () => new Promise((resolve) => void writing.push(resolve)),
      0,
      new Throttle({ ...settings, maxRows: 10_000, concurrency: 3 }),
    );
    const submit = (partition: number, count: number) => scheduler.submit(batchOf(partition, 0, count), lease);
    const all = [submit(0, 9_000), submit(1, 9_000), submit(2, 2_400)];
    expect(calls).toHaveLength(2);
    expect(scheduler.isBehind).toBe(false);
    all.push(submit(3, 100));
    expect(calls).toHaveLength(3);
    for (const finish of writing) finish();
    await Promise.all(all);
  });

  test('what waited to fill a transaction does not begin where the throttle has become narrower meanwhile', async () => {
    jest.useFakeTimers();
    try {
      const writing: (() => void)[] = [];
      const throttle = inFlight(3);
      const { scheduler, calls } = schedulerOver(
        () => new Promise((resolve) => void writing.push(resolve)),
        0,
        throttle,
      );
      const all = [90, 90, 10].map((count, partition) =>
        scheduler.submit({ ...batchOf(partition, 0, count), endOffset: 100_000 }, lease),
      );
      expect(calls).toHaveLength(2);
      throttle.change({ ...settings, concurrency: 2 });
      jest.advanceTimersByTime(1000);
      expect(calls).toHaveLength(2);
      writing.shift()?.();
      await all[0];
      await jest.advanceTimersByTimeAsync(10);
      expect(calls).toHaveLength(3);
      for (const finish of writing) finish();
      await Promise.all(all);
    } finally {
      jest.useRealTimers();
    }
  });

  test('where there is no backlog, the next does not wait to be filled; else not for long', async () => {
    const writing: (() => void)[] = [];
    const { scheduler, calls } = schedulerOver(
      () => new Promise((resolve) => void writing.push(resolve)),
      0,
      new Throttle({ ...settings, maxRows: 10_000, concurrency: 4 }),
    );
    const all = [batchOf(0, 0, 9_000), batchOf(1, 0, 9_000), { ...batchOf(2, 0, 3_000), endOffset: 10_000 }].map(
      (batch) => scheduler.submit(batch, lease),
    );
    expect(calls).toHaveLength(3);
    expect(scheduler.isBehind).toBe(false);
    all.push(scheduler.submit({ ...batchOf(3, 0, 3_000), endOffset: 100_000 }, lease));
    expect(calls).toHaveLength(3);
    expect(scheduler.isBehind).toBe(true);
    const finish = setInterval(() => {
      if (calls.length === 4) for (const done of writing) done();
    }, 5);
    await Promise.all(all);
    clearInterval(finish);
  });

  test('T13: a transient error is waited out, and the batch written again', async () => {
    let failures = 2;
    const { scheduler, calls } = schedulerOver(async () => {
      if (failures-- > 0) throw Object.assign(new Error('away'), { code: '57P01' });
    });
    expect(await scheduler.submit(batchOf(0, 0, 5), lease)).toBe(5);
    expect(calls).toHaveLength(3);
  });

  test('waiting ends when the partition is lost', async () => {
    const lost = new AbortController();
    const { scheduler } = schedulerOver(async () => {
      lost.abort(new Error('lost'));
      throw new Error('connection refused');
    });
    await expect(scheduler.submit(batchOf(0, 0, 5), { signal: lost.signal })).rejects.toThrow('lost');
  });

  test('T6: where one of several positions has moved, each partition is done by itself', async () => {
    const { scheduler, calls } = schedulerOver(async (batches) => {
      if (batches.some(({ partition }) => partition === 2)) throw new PositionMovedError('moved');
    }, 77);
    expect(await Promise.all([1, 2].map((p) => scheduler.submit(batchOf(p, 0, 10), lease)))).toEqual([10, 77]);
    expect(calls.map((batches) => batches.length)).toEqual([2, 1, 1]);
  });

  test('T13: one bad row is dead-lettered alone, and takes nothing along', async () => {
    const committed: number[] = [];
    const dead: number[] = [];
    const { scheduler } = schedulerOver(async (batches) => {
      const records = batches.flatMap((batch) => batch.records);
      if (records.some(({ offset, verdict }) => offset === 13 && 'store' in verdict)) throw dataError;
      for (const { offset, verdict } of records) ('store' in verdict ? committed : dead).push(offset);
    });
    expect(await scheduler.submit(batchOf(0, 0, 50), lease)).toBe(50);
    expect(dead).toEqual([13]);
    expect(committed).toEqual(Array.from({ length: 50 }, (_, i) => i).filter((i) => i !== 13));
  });

  test('at most so many transactions run at once, and all are done in the end', async () => {
    let running = 0;
    let most = 0;
    const { scheduler } = schedulerOver(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
    });
    await Promise.all(Array.from({ length: 20 }, (_, p) => scheduler.submit(batchOf(p, 0, 90), lease)));
    expect(most).toBe(2);
  });

  test('T13: after a deadlock a batch is written again within moments, not after a pause', async () => {
    let failures = 3;
    const { scheduler, calls } = schedulerOver(async () => {
      if (failures-- > 0) throw Object.assign(new Error('deadlock detected'), { code: '40P01' });
    });
    const startedAt = performance.now();
    expect(await scheduler.submit(batchOf(0, 0, 5), lease)).toBe(5);
    expect(calls).toHaveLength(4);
    expect(performance.now() - startedAt).toBeLessThan(500); // with pauses it would be 700 at least
  });

  test('T13: after a statement timeout the next tries are smaller, and each part is written once', async () => {
    const { scheduler, calls } = schedulerOver(async (batches) => {
      const rows = batches.reduce((sum, { records }) => sum + records.length, 0);
      if (rows > 4) throw Object.assign(new Error('canceling statement'), { code: '57014' });
    });
    expect(await scheduler.submit(batchOf(0, 0, 10), lease)).toBe(10);
    const parts = calls.map(([part]) => part as PartitionBatch).filter(({ records }) => records.length <= 4);
    expect(parts.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const [i, part] of parts.entries()) expect(part.firstOffset).toBe(i === 0 ? 0 : parts[i - 1]?.nextOffset);
  });

  test('T13: whoever waits for PostgreSQL holds no place of a transaction', async () => {
    const { scheduler } = schedulerOver(async (batches) => {
      const stuck = batches.some(({ partition }) => partition < 4);
      if (stuck) throw Object.assign(new Error('lock timeout'), { code: '55P03' });
    });
    const over = new AbortController();
    const stuck = [0, 1, 2, 3].map((p) => scheduler.submit(batchOf(p, 0, 1), { signal: over.signal }));
    expect(await Promise.all([4, 5].map((p) => scheduler.submit(batchOf(p, 0, 1), lease)))).toEqual([1, 1]);
    over.abort(new Error('lost'));
    for (const one of stuck) await expect(one).rejects.toThrow('lost');
  });

  test('T13: a run of refused rows stops its partition; as soon as they are taken it goes on by itself', async () => {
    let broken = true;
    const dead: number[] = [];
    const { scheduler, calls } = schedulerOver(async (batches) => {
      const [batch] = batches as [PartitionBatch];
      if (batch.partition !== 1) return;
      if (broken && batch.records.some(({ verdict }) => 'store' in verdict)) {
        if (calls.length > 40) broken = false;
        throw dataError;
      }
      for (const { offset, verdict } of batch.records) if ('deadLetter' in verdict) dead.push(offset);
    });
    const stopped = scheduler.submit(batchOf(1, 0, 20), lease);
    expect(await scheduler.submit(batchOf(2, 0, 5), lease)).toBe(5);
    expect(await stopped).toBe(20);
    expect(dead).toEqual([0, 1, 2]);
  });

  test('T13: rejections far apart are no run: many stored rows between them are counted', async () => {
    const { scheduler } = schedulerOver(async (batches) => {
      const records = batches.flatMap((batch) => batch.records);
      if (records.some(({ offset, verdict }) => offset % 500 === 13 && 'store' in verdict)) throw dataError;
    });
    for (let offset = 0; offset < 5000; offset += 250) {
      expect(await scheduler.submit(batchOf(0, offset, 250), lease)).toBe(offset + 250);
    }
  });

  test('T13: a slip of the program over one row takes that row alone out', async () => {
    const dead: unknown[] = [];
    const { scheduler } = schedulerOver(async (batches) => {
      for (const { offset, verdict } of batches.flatMap((batch) => batch.records)) {
        if ('deadLetter' in verdict) dead.push([offset, verdict.deadLetter.detail]);
        else if (offset === 7) throw new TypeError('x is undefined');
      }
    });
    expect(await scheduler.submit(batchOf(0, 0, 20), lease)).toBe(20);
    expect(dead).toEqual([[7, 'the worker: x is undefined']]);
  });

  test('T11: no transaction holds records of two hours of the log', async () => {
    const { scheduler, calls } = schedulerOver(async () => undefined);
    const batch = batchOf(0, 0, 6);
    const records = batch.records.map((record, i) => ({ ...record, timeMs: 3_600_000 - 3 + i }));
    expect(await scheduler.submit({ ...batch, records }, lease)).toBe(6);
    expect(calls.map(([part]) => [part?.firstOffset, part?.nextOffset, part?.records.length])).toEqual([
      [0, 3, 3],
      [3, 6, 3],
    ]);
  });
});
