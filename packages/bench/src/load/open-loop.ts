import type { Loop } from './closed-loop.ts';
import type { ConnectionPool } from './connection-pool.ts';
import type { Sender } from './sender.ts';

export interface OpenLoopOptions {
  requestsPerSecond: number;
  /** More are opened as they are needed; what is due while so many are in use is not sent, and counted. */
  maxConnections: number;
  /** They are opened before it begins, while the server warms up. Default false. */
  opened?: boolean;
}

const TICK_MS = 1;

/**
 * Requests at a fixed rate, whatever the server does. Their latency counts from when they were due, so that a server
 * that stands still is not spared the requests it kept from being sent.
 * @param growsForMs so long the rate grows, evenly, from nothing. One that is there at once finds no connection open, and opens one
 *   for each request that is due until the first is answered: for seconds a storm of connections would be measured.
 */
export function startOpenLoop(
  sender: Sender,
  { requestsPerSecond, pool }: { requestsPerSecond: number; pool: ConnectionPool },
  growsForMs: number,
): Loop {
  const dueAfterMs = timetable(requestsPerSecond / 1000, growsForMs);
  const begunMs = performance.now();
  let due = 0;
  let stopped = false;

  const tick = () => {
    if (stopped) return;
    const now = performance.now();
    for (let dueMs = begunMs + dueAfterMs(due); dueMs <= now; dueMs = begunMs + dueAfterMs(++due)) {
      const slot = pool.take();
      if (slot) sender.send(slot, dueMs);
      else sender.tally.unsent++;
    }
    pool.closeIdle(now);
    setTimeout(tick, TICK_MS);
  };
  tick();
  return {
    stop() {
      stopped = true;
    },
  };
}

/** After how many ms the request of a number, from 0, is due: at a rate that is reached evenly within `growsForMs`. */
export function timetable(requestsPerMs: number, growsForMs: number): (number: number) => number {
  const whileGrowing = (requestsPerMs * growsForMs) / 2;
  return (number) =>
    number < whileGrowing
      ? Math.sqrt((2 * number * growsForMs) / requestsPerMs)
      : growsForMs + (number - whileGrowing) / requestsPerMs;
}
