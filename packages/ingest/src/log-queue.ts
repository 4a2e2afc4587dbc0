import { performance } from 'node:perf_hooks';

/** Bytes of records that wait for the log, of all requests of a process. */
export interface LogQueue {
  add(bytes: number): void;
  remove(bytes: number): void;
  /**
   * Whether more in it would be no use: no request is to come in.
   * @param coming bytes of bodies that are in hand, and have yet to become records
   */
  isFull(coming?: number): boolean;
}

/** Of what may be in hand, the least that may wait: enough for a produce request under way and for the next. */
const LEAST_SHARE = 1 / 4;
const LOOK_EVERY_MS = 100;
/** The part of its time that a thread works which has none left. */
const BUSY = 0.85;
/** A log is quick that takes the least that may wait in so long. */
const QUICK_MS = 80;
/** A queue that nobody had to look at for so long was short: what fills it now is a moment, however busy the thread is. */
const CALM_MS = 500;
const GROWTH = 1.5;
const SHRINKAGE = 0.75;

/**
 * While it is the thread that has no time left, more in the queue is the same work done later: answers come later, and what lives longer
 * costs the collector of garbage more. So the queue is kept as short as keeps the thread at work. Where it is the log that is slow,
 * the queue may have all that may be in hand: in one produce request more goes over then.
 *
 * @param mostBytes that may be in hand
 * @param clock of `performance`: ms that never go back, and how much of the time since the last look the thread was at work
 */
export function createLogQueue(mostBytes: number, clock: Clock = performance): LogQueue {
  const leastBytes = mostBytes * LEAST_SHARE;
  let waiting = 0;
  let bound = mostBytes;
  let passed = 0;
  let lookedMs = clock.now();
  let looked = clock.eventLoopUtilization();

  function look(): void {
    const nowMs = clock.now();
    const elapsedMs = nowMs - lookedMs;
    if (elapsedMs < LOOK_EVERY_MS) return;
    const now = clock.eventLoopUtilization();
    const isQuick = passed * QUICK_MS >= leastBytes * elapsedMs;
    const isThreadFull = isQuick && clock.eventLoopUtilization(now, looked).utilization >= BUSY;
    if (elapsedMs >= CALM_MS) bound = mostBytes;
    else bound = isThreadFull ? Math.max(leastBytes, bound * SHRINKAGE) : Math.min(mostBytes, bound * GROWTH);
    passed = 0;
    lookedMs = nowMs;
    looked = now;
  }

  return {
    add(bytes) {
      waiting += bytes;
    },
    remove(bytes) {
      waiting -= bytes;
      passed += bytes;
    },
    isFull(coming = 0) {
      if (waiting + coming < leastBytes) return false;
      look();
      return waiting + coming >= bound;
    },
  };
}

type Clock = Pick<typeof performance, 'now' | 'eventLoopUtilization'>;
