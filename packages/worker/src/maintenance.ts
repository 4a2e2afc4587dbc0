import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog } from '@wayline/event-log';
import {
  applyRetention,
  compactRollups,
  makePartitionsAhead,
  noteLogProgress,
  type Pool,
  type RetentionReport,
  sumUpGrown,
  withBackgroundLock,
} from '@wayline/store';
import { readCompleteThrough } from './maintenance-progress.ts';
import type { WorkerLogger } from './worker-logger.ts';

export interface MaintenanceOptions {
  log: EventLog;
  pool: Pool;
  /** Whose stored positions tell what is still unread. */
  group: string;
  logger: WorkerLogger;
  /** For projects without a retention of their own. Default: their events are kept for ever. */
  retentionDays?: number | undefined;
  /** For the counts of users, minute by minute. Default: they are kept for ever. */
  userCountDays?: number | undefined;
  /** Default one minute. */
  everyMs?: number;
  /** Told after each pass of this process. */
  onPass?(report: RetentionReport): void;
}

export interface Maintenance {
  /** Ends after the step in hand. */
  stop(): Promise<void>;
}

const DAYS_AHEAD = 3;
/** A pass ends after so long, so that partitions are made and the others get their turn; the next one goes on. */
const BUDGET_MS = 5 * 60_000;
/** How often is done what takes a scan. */
const THOROUGH_EVERY_MS = 3_600_000;

/**
 * Makes partitions for the days to come, compacts rollups, sums up where batches are, and deletes what is expired. Any number of processes may do it: one is at it at a
 * time, the others pass over their turn. Where the log cannot be asked what is unread, nothing is deleted.
 */
export function startMaintenance(options: MaintenanceOptions): Maintenance {
  const { log, pool, group, logger, retentionDays, userCountDays, everyMs = 60_000, onPass } = options;
  const abort = new AbortController();
  const { signal } = abort;
  let thoroughAtMs = Number.NEGATIVE_INFINITY;
  const summedUp = new Map<string, number>();

  async function pass(): Promise<void> {
    await makePartitionsAhead(pool, Date.now(), DAYS_AHEAD);
    await compactRollups(pool, signal);
    const throughMs = await readCompleteThrough({ log, pool, group });
    await noteLogProgress(pool, { logId: log.id, group, completeThroughMs: throughMs });
    const thorough = performance.now() - thoroughAtMs >= THOROUGH_EVERY_MS;
    const report = await applyRetention(pool, {
      throughMs,
      defaultDays: retentionDays,
      userCountDays,
      thorough,
      signal,
      budgetMs: BUDGET_MS,
    });
    if (thorough && !report.unfinished) thoroughAtMs = performance.now();
    if (report.partitionsDropped.length + report.eventsDeleted.length + report.sessions > 0) {
      logger.info({ ...report, throughMs }, 'what was expired is deleted');
    }
    await sumUpGrown(pool, summedUp, { signal, budgetMs: BUDGET_MS });
    onPass?.(report);
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await withBackgroundLock(pool, 'maintenance', pass);
      } catch (error) {
        if (!signal.aborted) logger.warn({ err: error }, 'maintenance did not succeed; it is tried again');
      }
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
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
