import { type LogFollower, type LogRecord, LogUnavailableError } from './event-log.ts';

export interface FollowerStateOptions {
  topic: string;
  partitions: number;
  onRecord(record: LogRecord, partition: number): void;
}

/** What both adapters' followers have in common: the adapter reads, and tells here how far it came. */
export interface FollowerState {
  readonly follower: LogFollower;
  /** Aborted when the follower was closed, or has failed. */
  readonly signal: AbortSignal;
  /** `caughtUp` waits until the partition is read to here; of each partition, and again where one begins anew. */
  expect(partition: number, end: number): void;
  /** Hands the record over, unless the follower has ended meanwhile. */
  hand(record: LogRecord, partition: number): void;
  /** The partition is read up to the offset; `atEnd`: there is nothing after it at this moment. */
  readTo(partition: number, offset: number, atEnd: boolean): void;
  fail(error: unknown): void;
}

interface Progress {
  /** Undefined until it is known where the partition ended when following began. */
  expected?: number;
  next: number;
  heardAtMs?: number;
}

export function createFollowerState({ topic, partitions, onRecord }: FollowerStateOptions): FollowerState {
  const progress = Array.from({ length: partitions }, (): Progress => ({ next: -1 }));
  const abort = new AbortController();
  const caughtUp = settleLater();
  const ended = settleLater();

  const of = (partition: number): Progress => progress[partition] as Progress;
  function look(): void {
    if (progress.every(({ expected, next }) => expected !== undefined && next >= expected)) caughtUp.resolve();
  }
  function end(error?: unknown): void {
    if (abort.signal.aborted) return;
    abort.abort();
    caughtUp.reject(error ?? new LogUnavailableError('unavailable', `${topic} is not followed any more`));
    if (error === undefined) ended.resolve();
    else ended.reject(error);
  }

  return {
    signal: abort.signal,
    follower: {
      caughtUp: caughtUp.promise,
      ended: ended.promise,
      heardAtMs() {
        const heard = progress.map(({ heardAtMs }) => heardAtMs ?? Number.NEGATIVE_INFINITY);
        const least = Math.min(...heard);
        return Number.isFinite(least) ? least : undefined;
      },
      close: () => end(),
    },
    expect(partition, expected) {
      of(partition).expected = expected;
      look();
    },
    hand(record, partition) {
      if (abort.signal.aborted) return;
      try {
        onRecord(record, partition);
      } catch (error) {
        end(error);
      }
    },
    readTo(partition, next, atEnd) {
      const place = of(partition);
      place.next = next;
      if (atEnd) place.heardAtMs = Date.now();
      look();
    },
    fail: end,
  };
}

interface Later {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/** A promise to be settled from outside; who does not wait for it need not. */
function settleLater(): Later {
  let resolve = (): void => {};
  let reject = (_error: unknown): void => {};
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
