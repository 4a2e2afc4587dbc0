import { setTimeout as sleep } from 'node:timers/promises';
import { measurePressure, type Pool, readThrottle } from '@wayline/store';
import { BACKLOG_RECORDS, type Intake } from './intake.ts';
import type { Sighting, Throttle, ThrottleSettings } from './throttle.ts';
import type { WorkerLogger } from './worker-logger.ts';

export interface PressureWatchOptions {
  pool: Pool;
  group: string;
  throttle: Throttle;
  /** What holds where nothing is set in the database. */
  configured: ThrottleSettings;
  logger: WorkerLogger;
  intake: Pick<Intake, 'now'>;
  /** Default 250 ms; an eighth as often while nothing is written. */
  everyMs?: number;
}

export interface PressureWatch {
  /** Told how long each COMMIT took, ms. */
  committed(ms: number): void;
  stop(): Promise<void>;
}

/** So much longer than when it is quiet COMMIT must take for PostgreSQL to count as slow. */
const SLOW_COMMIT = 4;
/** Below it nobody waits for it: a COMMIT of thousands of rows takes its time on a quick disk, too. */
const LEAST_SLOW_COMMIT_MS = 200;
/** Whoever was at work that long ago is not asking all the while. */
const RECENT_MS = 250;
/** About three queries a second: one now and then is not held up by much. */
const ASKED_FROM = 0.25;
/** Nor is it a backlog, which can wait, if it is no more than what comes in so many seconds. */
const BACKLOG_S = 10;
/** So many times what comes in is stored of a backlog at least, so that it gets less. */
const CATCH_UP = 1.2;
const SETTINGS_EVERY_MS = 2_000;
const IDLE_AFTER_MS = 2_000;
const IDLE_TIMES = 8;
const TELL_EVERY_MS = 30_000;
const TELL_BELOW = 0.5;
const TELL_ASKED_EVERY_MS = 600_000;

/** Of a level, from one look to the next at their usual pace: what is seen counts for about two seconds. */
const KEPT = 0.85;
const EVERY_MS = 250;

/** A value beside what it is when all is quiet: the lowest it has been, forgotten slowly. */
class Level {
  #now: number | undefined;
  #quiet = Number.POSITIVE_INFINITY;

  /** @param first default: the first value */
  constructor(first?: number) {
    this.#now = first;
  }

  /** @param sinceMs the last time; a long while counts as one look all the same */
  add(value: number, sinceMs: number): void {
    const kept = KEPT ** Math.min(1, sinceMs / EVERY_MS);
    this.#now = this.#now === undefined ? value : this.#now * kept + value * (1 - kept);
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
 * Looks, four times a second while the worker writes, how PostgreSQL fares, and sets the throttle's pace: whether others ask it
 * all the while that a backlog is stored, and how many at once; and whether it is slow, which it is where others wait for locks, or where COMMIT
 * takes long. It also brings what operators set with `wayline admin set-throttle`.
 */
export function watchPressure(options: PressureWatchOptions): PressureWatch {
  const { pool, group, throttle, configured, logger, intake, everyMs = EVERY_MS } = options;
  const abort = new AbortController();
  const { signal } = abort;
  const commit = new Level();
  let longestCommitMs = 0;
  let committedAtMs = Number.NEGATIVE_INFINITY;
  const asked = new Level(0);
  const busy = new Level(0);
  let lookedAtMs = performance.now() - everyMs;
  let settingsAtMs = Number.NEGATIVE_INFINITY;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  let told = false;
  let toldAskedAtMs = Number.NEGATIVE_INFINITY;
  let toldUnseen = false;

  async function look(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - settingsAtMs >= SETTINGS_EVERY_MS) {
      settingsAtMs = nowMs;
      throttle.change({ ...configured, ...(await readThrottle(pool, group)) });
    }
    if (!throttle.settings.adaptive) return;
    const seen = await measurePressure(pool);
    const sinceMs = nowMs - lookedAtMs;
    lookedAtMs = nowMs;
    if (longestCommitMs > 0) commit.add(longestCommitMs, sinceMs);
    longestCommitMs = 0;
    asked.add(Math.max(0, 1 - (seen.sinceMs ?? RECENT_MS) / RECENT_MS), sinceMs);
    busy.add(seen.busy, sinceMs);
    const { arrived, stored, unstored } = intake.now(nowMs);
    const isAsked = asked.value >= ASKED_FROM && unstored > Math.max(BACKLOG_RECORDS, arrived * BACKLOG_S);
    const sighting = {
      slow: seen.waiting > 0 || commit.exceeds(SLOW_COMMIT, LEAST_SLOW_COMMIT_MS),
      askedBy: isAsked ? busy.value : undefined,
      behind: stored < arrived * CATCH_UP,
    };
    throttle.adapt(sighting);
    tell(nowMs, sighting);
    if (seen.unseen > 0 && !toldUnseen) {
      toldUnseen = true;
      logger.info(
        { connections: seen.unseen },
        'this user of PostgreSQL may not see what others do, and does not give way to them: GRANT pg_read_all_stats to it',
      );
    }
  }

  function tell(nowMs: number, { slow, askedBy }: Sighting): void {
    const { pace } = throttle;
    if (slow && pace < TELL_BELOW && nowMs - toldAtMs >= TELL_EVERY_MS) {
      toldAtMs = nowMs;
      told = true;
      const fields = { pace: Math.round(pace * 100) / 100, commitMs: commit.value };
      logger.info(fields, 'PostgreSQL is slow: the worker takes less, and the rest waits in the log');
    } else if (told && pace === 1) {
      told = false;
      logger.info({}, 'PostgreSQL is quick again: the worker takes all it can');
    }
    if (askedBy !== undefined && isWriting(nowMs) && nowMs - toldAskedAtMs >= TELL_ASKED_EVERY_MS) {
      toldAskedAtMs = nowMs;
      logger.info({ busy: askedBy }, 'others ask PostgreSQL: the worker leaves most of it to them for as long');
    }
  }

  const isWriting = (nowMs: number): boolean => nowMs - committedAtMs <= IDLE_AFTER_MS;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      // PostgreSQL may be away: the transactions tell of that, and wait for it.
      await look().catch(() => undefined);
      const isIdle = throttle.pace === 1 && !isWriting(performance.now());
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
