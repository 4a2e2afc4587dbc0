import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { BeginAnswer, LogBatch, PartitionRange } from '../src/event-log.ts';
import { BatchRecord } from '../src/kafka/batch-record.ts';
import { BytesInHand } from '../src/kafka/bytes-in-hand.ts';
import { type FetchedMessages, UnreadableRecordsError } from '../src/kafka/decode-fetch.ts';
import { HeldPartition } from '../src/kafka/held-partition.ts';
import type { FetchedBatch, KafkaSession } from '../src/kafka/kafka-session.ts';

/** What kafkajs does only now and then, and never when asked: fetches that come late, or from elsewhere. */

const partition = { topic: 'events', partition: 3 };
const open: HeldPartition[] = [];
afterEach(async () => {
  for (const held of open.splice(0)) await held.lose();
});

const record = (offset: number) =>
  new BatchRecord(Buffer.from([0]), { offset, timeMs: 0, keyEnd: 0, keyLength: -1, valueEnd: 0, valueLength: 0 });

const message = (records: readonly BatchRecord[], nextOffset: number): FetchedMessages => ({
  ...{ records, nextOffset, offset: String(nextOffset - 1), isControlRecord: false },
  ...{ timestamp: '0', key: null, value: null },
});

/** Each record comes in a batch of its own. */
function fetched(from: number, offsets: readonly number[], last = offsets.at(-1) ?? from): FetchedBatch {
  return {
    ...partition,
    fetchedOffset: String(from),
    highWatermark: '1000',
    lastOffset: () => String(last),
    messages: offsets.map((offset) => message([record(offset)], offset + 1)),
  };
}

interface Setting {
  begin?: () => Promise<BeginAnswer>;
  handle?: (batch: LogBatch) => Promise<number>;
  range?: { start: number; end: number };
  /** The first offset at or after the one asked for; absent: that one itself. */
  first?: number;
  /** Bytes that may be with handlers before a fetch waits for them. */
  limit?: number;
  /** Whether others are due; then a fetch goes on at the end of the partition, too. */
  othersDue?: boolean;
}

/** A partition that reads from 50 on, and what it told kafkajs, in order. */
async function hold({
  begin,
  handle,
  range = { start: 0, end: 1000 },
  first,
  limit = 0,
  othersDue = false,
}: Setting = {}) {
  const told: string[] = [];
  const errors: string[] = [];
  const begins: PartitionRange[] = [];
  const handed: number[][] = [];
  const session: KafkaSession = {
    crashed: new Promise(() => {}),
    pause: () => void told.push('pause'),
    resume: () => void told.push('resume'),
    seek: ({ offset }) => void told.push(`seek ${offset}`),
    commit: async () => {},
    stop: async () => true,
  };
  const held = new HeldPartition({
    partition,
    session,
    logger: { info() {}, warn() {}, error: (_, message) => void errors.push(message) },
    consume: {
      maxRecords: 100,
      maxBytes: 1000,
      async begin(given) {
        begins.push(given);
        return begin ? begin() : { offset: 50 };
      },
      async handle(batch) {
        handed.push([batch.firstOffset, ...batch.records.map(({ offset }) => offset), batch.nextOffset]);
        return handle ? handle(batch) : batch.nextOffset;
      },
    },
    range: async () => ({ ...partition, ...range }),
    peek: async (offset) => ({ offset: first ?? offset, timeMs: 0, key: null, value: null, headers: {} }),
    inHand: new BytesInHand({ most: limit, many: 0 }, () => othersDue),
    before: Promise.resolve(),
  });
  open.push(held);
  const until = async (last: string) => {
    while (told.at(-1) !== last) await turn();
  };
  expect(told).toEqual(['pause']); // at once: kafkajs is about to fetch
  if (!begin) {
    await until('resume');
    expect(told.splice(0)).toEqual(['pause', 'pause', 'seek 50', 'resume']);
  }
  return { held, told, errors, begins, handed, until };
}

test('before begin has answered, nothing that kafkajs brings is handed over', async () => {
  const { held, handed } = await hold({ begin: () => new Promise(() => {}) });
  await held.take(fetched(0, [0, 1]));
  expect(handed).toEqual([]);
  open.splice(0); // its begin never answers
});

test('a fetch that was under way while the reading moved back is refused, and fetched again', async () => {
  const { held, told, handed, until } = await hold();
  await held.take(fetched(90, [90, 91]));
  await until('resume');
  expect(handed).toEqual([]);
  expect(told.splice(0).filter((line) => line !== 'pause')).toEqual(['seek 50', 'resume']);
  await held.take(fetched(50, [50, 51]));
  expect(handed).toEqual([[50, 50, 51, 52]]);
  expect(told).toEqual(['seek 52']);
});

test('a fetch that was under way while the reading moved forward is refused, too', async () => {
  const { held, handed, told, until } = await hold();
  await held.take(fetched(10, [10, 60]));
  await until('resume');
  expect(handed).toEqual([]);
  expect(told).toContain('seek 50');
});

test('kafkajs may go on past what is not handed over, and the batch still begins at the last answer', async () => {
  const { held, handed, told, until } = await hold({ first: 55 });
  await held.take(fetched(55, [55]));
  await until('resume');
  expect(told).toContain('seek 55');
  await held.take(fetched(55, [55, 56], 58));
  expect(handed).toEqual([[50, 55, 56, 59]]);
});

test('where the log was trimmed past the position, begin is asked, and kafkajs is not followed', async () => {
  const range = { start: 0, end: 1000 };
  const { held, begins, handed, until } = await hold({ range, first: 70 });
  range.start = 70;
  await held.take(fetched(70, [70]));
  while (begins.length < 2) await turn();
  expect([begins.map(({ start }) => start), handed]).toEqual([[0, 70], []]);
  await held.lose();
  await until('pause');
});

test('what comes while the handler is at work, from another broker, is left aside', async () => {
  let finish = (_: number) => {};
  const { held, handed, told } = await hold({
    handle: () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  });
  const first = held.take(fetched(50, [50]));
  await held.take(fetched(50, [50]));
  expect(handed.length).toBe(1);
  finish(51);
  await first;
  expect(told).toEqual(['seek 51']);
});

test('what can be read before records that cannot is handed over; then it stands still, and tries again', async () => {
  const { held, handed, told, until, errors } = await hold();
  const unreadable = new UnreadableRecordsError('the record batch at offset 52 cannot be read');
  const damaged = fetched(50, [50, 51], Number.MAX_SAFE_INTEGER);
  damaged.messages.push({ ...message([], Number.MAX_SAFE_INTEGER), unreadable });
  await held.take(damaged);
  expect(handed).toEqual([[50, 50, 51, 52]]);
  expect(errors).toEqual([
    'Partition 3 of events stands still before offset 52: the record batch at offset 52 cannot be read',
  ]);
  expect(told.splice(0)).toEqual(['pause']);
  await held.take(fetched(53, [53])); // nothing that comes meanwhile is taken
  await until('resume');
  expect(told).toEqual(['seek 52', 'resume']);
  await held.take(fetched(52, [52, 53]));
  expect(handed[1]).toEqual([52, 52, 53, 54]);
});

test('while the group forms anew, a partition that stays goes on where it was', async () => {
  const { held, told } = await hold();
  await held.take(fetched(50, [50, 51]));
  held.keep();
  expect(told).toEqual(['seek 52', 'seek 52']);
});

test('a partition that stays while its handler is at work is left alone until the handler is done', async () => {
  let finish = (_: number) => {};
  const { held, told, until } = await hold({
    handle: () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  });
  const taking = held.take(fetched(50, [50]));
  held.keep();
  expect(told).toEqual(['pause']);
  finish(51);
  await taking;
  await until('resume');
  expect(told).toEqual(['pause', 'seek 51', 'resume']);
});

test('once lost, nothing is handed over, and kafkajs is told nothing more', async () => {
  const { held, told, handed } = await hold();
  const lost = held.lose();
  expect([held.lease.signal.aborted, held.lost]).toEqual([true, true]);
  await lost;
  await held.take(fetched(50, [50]));
  held.outOfRange();
  expect([handed, told]).toEqual([[], ['pause']]);
});

test('an answer that comes after the partition was lost moves nothing', async () => {
  let finish = (_: number) => {};
  const { held, told } = await hold({
    handle: () =>
      new Promise((resolve) => {
        finish = resolve;
      }),
  });
  const taking = held.take(fetched(50, [50]));
  const lost = held.lose();
  await taking; // kafkajs need not wait for the handler
  finish(51);
  await lost;
  expect(told).toEqual(['pause']);
});

test('at the end of the partition kafkajs waits for the handler: what comes meanwhile is there for the next fetch', async () => {
  let finish: () => void = () => {};
  const { held, told, until } = await hold({
    limit: 1000,
    handle: ({ nextOffset }) =>
      new Promise((resolve) => {
        finish = () => resolve(nextOffset);
      }),
  });
  let isTaken = false;
  const taking = held.take({ ...fetched(50, [50]), highWatermark: '51' }).then(() => {
    isTaken = true;
  });
  for (let i = 0; i < 10; i++) await turn();
  const wasTaken = isTaken;
  finish();
  await taking;
  expect(wasTaken).toBe(false);
  await until('seek 51');
  expect(told).toEqual(['seek 51']); // it was never paused
});

test('while there is room, kafkajs goes on fetching others beside the handler; it waits when there is none', async () => {
  const finish: ((offset: number) => void)[] = [];
  const { held, told, until } = await hold({
    handle: () => new Promise((resolve) => void finish.push(resolve)),
    limit: 1,
  });
  const taking = held.take(fetched(50, [50])); // of no bytes: there is room still
  await taking;
  expect(told.splice(0)).toEqual(['pause']);
  finish[0]?.(51);
  await until('resume');
  expect(told.splice(0)).toEqual(['seek 51', 'resume']);
});

test('at the end of the partition kafkajs goes on, too, where much is in hand and others are due', async () => {
  const { held, told } = await hold({ handle: () => new Promise(() => {}), limit: 1000, othersDue: true });
  open.splice(0); // its handler is never done
  const taken = held.take({ ...fetched(50, [50]), highWatermark: '51' });
  // At once: after a second it would in any case.
  await Promise.race([taken, turn().then(turn)]);
  expect(told).toEqual(['pause']);
});

test('a partition is due while it is read, if the last fetch left some of it, or was not long ago', async () => {
  const { held } = await hold();
  expect(held.isDue).toBe(false); // nothing has come of it yet
  const taking = held.take({ ...fetched(50, [50]), highWatermark: '51' });
  expect(held.isDue).toBe(false); // with its handler
  await taking;
  expect(held.isDue).toBe(true);
  jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 2_000);
  try {
    expect(held.isDue).toBe(false);
    await held.take(fetched(51, [51]));
    jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 4_000);
    expect(held.isDue).toBe(true);
  } finally {
    jest.restoreAllMocks();
  }
});

describe('bytes in hand', () => {
  const never = new Promise<void>(() => {});
  const bounds = { most: 100, many: 50 };
  const isResolved = async (promise: Promise<void>) => {
    let resolved = false;
    void promise.then(() => {
      resolved = true;
    });
    for (let i = 0; i < 5; i++) await turn();
    return resolved;
  };

  test('a fetch waits while they are many, and goes on when a handler is done', async () => {
    const inHand = new BytesInHand(bounds, () => false);
    const done = [inHand.take(60), inHand.take(60)];
    const waiting = inHand.room(never, true);
    expect(await isResolved(waiting)).toBe(false);
    done[0]?.();
    await waiting;
    await inHand.room(never, true);
  });

  test('at the end of a partition it goes on with the work, or where they are enough for a while and others are due', async () => {
    let due = false;
    const inHand = new BytesInHand(bounds, () => due);
    await inHand.room(Promise.resolve(), false);
    const few = inHand.take(40);
    const waiting = inHand.room(never, false);
    due = true;
    const more = inHand.take(5);
    expect(await isResolved(waiting)).toBe(false);
    due = false;
    const enough = inHand.take(30);
    expect(await isResolved(waiting)).toBe(false);
    due = true;
    more();
    await waiting;
    few();
    enough();
    expect(await isResolved(inHand.room(never, false))).toBe(false);
  });
});
