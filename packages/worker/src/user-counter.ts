import { setTimeout as sleep } from 'node:timers/promises';
import { type Pool, recordUserCounts } from '@wayline/store';
import type { WorkerLogger } from './worker-logger.ts';

export interface UserCounterOptions {
  pool: Pool;
  logger: WorkerLogger;
  /** Told of each minute that this process has recorded. */
  onRecord?(): void;
}

export interface UserCounter {
  /** Ends after the count in hand. */
  stop(): Promise<void>;
}

/** After another process was at it, or a failure. */
const RETRY_MS = 2_000;
/** A timer may go off a little early: then it would still be the minute before. */
const INTO_THE_MINUTE_MS = 20;
/** How often all users are counted, rather than those that came and went. */
const AFRESH_EVERY_MS = 3_600_000;
const TELL_EVERY_MS = 60_000;

/**
 * Records how many users each project has, at the beginning of every minute of the database's clock. Any number of processes
 * may do it: one counts, and the others find that it is done.
 */
export function startUserCounter({ pool, logger, onRecord }: UserCounterOptions): UserCounter {
  const abort = new AbortController();
  const { signal } = abort;
  let afreshAtMs = Number.NEGATIVE_INFINITY;
  let toldAtMs = Number.NEGATIVE_INFINITY;

  /** @returns how long to wait, ms */
  async function count(): Promise<number> {
    const begunMs = performance.now();
    const afresh = begunMs - afreshAtMs >= AFRESH_EVERY_MS;
    const counted = await recordUserCounts(pool, { afresh });
    if (!counted) return RETRY_MS;
    if (counted.recorded) {
      if (afresh) afreshAtMs = begunMs;
      onRecord?.();
    }
    return counted.nextInMs + INTO_THE_MINUTE_MS;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const restMs = await count().catch((error: unknown) => {
        if (!signal.aborted && performance.now() - toldAtMs >= TELL_EVERY_MS) {
          toldAtMs = performance.now();
          logger.warn({ err: error }, 'users cannot be counted just now; it is tried again');
        }
        return RETRY_MS;
      });
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    async stop() {
      abort.abort();
      await running;
    },
  };
}
