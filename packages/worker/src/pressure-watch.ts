import { setTimeout as sleep } from 'node:timers/promises';
import { measurePressure, type Pool, readThrottle } from '@wayline/store';
import type { Throttle, ThrottleSettings } from './throttle.ts';
import type { WorkerLogger } from './worker-logger.ts';

export interface PressureWatchOptions {
  pool: Pool;
  group: string;
  throttle: Throttle;
  /** What holds where nothing is set in the database. */
  configured: ThrottleSettings;
  logger: WorkerLogger;
  /** Default 250 ms; an eighth as often while nothing is written. */
  everyMs?: number;
}

export interface PressureWatch {
  /** Told how long each COMMIT took, ms. */
  committed(ms: number): void;
  stop(): Promise<void>;
}

/** So much longer than when it is quiet the same work must take for PostgreSQL to count as slow. */
const SLOW_WORK = 1.5;
const SLOW_COMMIT = 4;
/** Below these nobody waits for PostgreSQL. A COMMIT of thousands of rows takes its time on a quick disk, too. */
const LEAST_SLOW_WORK_MS = 1;
const LEAST_SLOW_COMMIT_MS = 200;
/** Others have to be at work for this part of the time to be given way to: a query now and then is not held up by much. */
const SHARED_FROM = 0.2;
const SETTINGS_EVERY_MS = 2_000;
const IDLE_AFTER_MS = 2_000;
const IDLE_TIMES = 8;
const TELL_EVERY_MS = 30_000;
const TELL_BELOW = 0.5;

/** Of a level, from one look to the next: what is seen counts for about two seconds. */
const KEPT = 0.85;

/** A value beside what it is when all is quiet: the lowest it has been, forgotten slowly. */
class Level {
  #now: number | undefined;
  #quiet = Number.POSITIVE_INFINITY;

  add(value: number): void {
    this.#now = this.#now === undefined ? value : this.#now * KEPT + value * (1 - KEPT);
    this.#quiet = this.#now < this.#quiet ? this.#now : this.#quiet + (this.#now - this.#quiet) * 0.002;
  }

  exceeds(times: number, least: number): boolean {
    return this.#now !== undefined && this.#now > Math.max(least, this.#quiet * times);
  }

  get value(): number {
    return Math.round((this.#now ?? 0) * 100) / 100;
  }
}

/**
 * Looks, four times a second while the worker writes, how PostgreSQL fares, and sets the throttle's pace: it is slow
 * where a small, fixed piece of work takes much longer than when it is quiet while others are at work, where others wait
 * for locks, or where COMMIT takes long. It also brings what operators set with `wayline admin set-throttle`.
 */
export function watchPressure(options: PressureWatchOptions): PressureWatch {
  const { pool, group, throttle, configured, logger, everyMs = 250 } = options;
  const abort = new AbortController();
  const { signal } = abort;
  const work = new Level();
  const commit = new Level();
  let longestCommitMs = 0;
  let committedAtMs = Number.NEGATIVE_INFINITY;
  const shared = new Level();
  let settingsAtMs = Number.NEGATIVE_INFINITY;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let told = false;

  async function look(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - settingsAtMs >= SETTINGS_EVERY_MS) {
      settingsAtMs = nowMs;
      throttle.change({ ...configured, ...(await readThrottle(pool, group)) });
    }
    if (!throttle.settings.adaptive) return;
    const { workMs, others, waiting } = await measurePressure(pool);
    work.add(workMs);
    if (longestCommitMs > 0) commit.add(longestCommitMs);
    longestCommitMs = 0;
    shared.add(others > 0 ? 1 : 0);
    const isShared = shared.value >= SHARED_FROM;
    const slow =
      (isShared && (waiting > 0 || work.exceeds(SLOW_WORK, LEAST_SLOW_WORK_MS))) ||
      commit.exceeds(SLOW_COMMIT, LEAST_SLOW_COMMIT_MS);
    throttle.adapt(slow);
    tell(nowMs);
  }

  function tell(nowMs: number): void {
    const { pace } = throttle;
    if (pace < TELL_BELOW && nowMs - toldAtMs >= TELL_EVERY_MS) {
      toldAtMs = nowMs;
      told = true;
      const fields = { pace: Math.round(pace * 100) / 100, workMs: work.value, commitMs: commit.value };
      logger.info(fields, 'PostgreSQL is slow: the worker takes less, and the rest waits in the log');
    } else if (told && pace === 1) {
      told = false;
      logger.info({}, 'PostgreSQL is quick again: the worker takes all it can');
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      // PostgreSQL may be away: the transactions tell of that, and wait for it.
      await look().catch(() => undefined);
      const isIdle = throttle.pace === 1 && performance.now() - committedAtMs > IDLE_AFTER_MS;
      await sleep(isIdle ? everyMs * IDLE_TIMES : everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    committed(ms) {
      committedAtMs = performance.now();
      if (ms > longestCommitMs) longestCommitMs = ms;
    },
    async stop() {
      abort.abort();
      await running;
    },
  };
}
