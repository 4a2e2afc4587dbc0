import type { Pool } from 'pg';
import type { EventPartition } from '../write/event-partitions.ts';
import { deleteExpiredEvents } from './delete-expired-events.ts';
import { deleteExpiredSessions } from './delete-expired-sessions.ts';
import { dropPartition } from './drop-partition.ts';
import { projectsIn, readEventTables } from './event-tables.ts';
import { createPace, type Pacing } from './pacing.ts';
import { pruneBooks } from './prune-books.ts';
import { pruneUserCounts } from './prune-user-counts.ts';
import { readRetentionRules } from './retention-rules.ts';

export interface RetentionOptions extends Pacing {
  /** The least log time of any record not stored yet, else now; epoch ms. Nothing expires that had not by then. */
  throughMs: number;
  /** For projects without a retention of their own. Default: they are kept for ever. */
  defaultDays?: number | undefined;
  /** For the counts of users, minute by minute. Default: they are kept for ever. */
  userCountDays?: number | undefined;
  /** Also what takes a scan: single days out of partitions of months, and machines. Now and then will do. */
  thorough: boolean;
}

/** What a pass removed. */
export interface RetentionReport {
  partitionsDropped: { table: string; events: number }[];
  /** Out of partitions that hold what others still keep. */
  eventsDeleted: { projectId: number; events: number }[];
  sessions: number;
  /** Ids of events without a clock, and batches, that nothing needs any more. */
  claims: number;
  batches: number;
  /** Minutes of the counts of users. */
  userCounts: number;
  /** Whether there was more to do when the time was up. */
  unfinished: boolean;
}

/**
 * One pass of retention: drops partitions whose rows are expired for every project that has any, deletes out of the others
 * what is expired for some, then sessions without events. All that it removes is booked. Whatever happens midway,
 * another pass goes on from there.
 */
export async function applyRetention(pool: Pool, options: RetentionOptions): Promise<RetentionReport> {
  const { throughMs, defaultDays, userCountDays, thorough } = options;
  const pace = createPace(options);
  const rules = await readRetentionRules(pool, { throughMs, defaultDays });
  const partitionsDropped: RetentionReport['partitionsDropped'] = [];
  const deleted = new Map<number, number>();
  const touched = new Set(rules.projects);
  /** From which time on a project still has events that are expired: their sessions stay until they are gone. */
  const leftFromMs = new Map<number, number>();
  const leave = (projectId: number, { fromMs }: EventPartition): void => {
    if (!leftFromMs.has(projectId)) leftFromMs.set(projectId, fromMs);
  };
  for (const partition of await readEventTables(pool)) {
    if (!pace.goesOn() || partition.fromMs >= rules.latestMs) break;
    const projects = await projectsIn(pool, partition);
    for (const projectId of projects) touched.add(projectId);
    const isExpired = (projectId: number): boolean => rules.cutoffMs(projectId) >= partition.toMs;
    if (partition.toMs <= rules.latestMs && projects.every(isExpired)) {
      const events = await pace.step(() => dropPartition(pool, partition, isExpired));
      if (events !== undefined) partitionsDropped.push({ table: partition.table, events });
      else for (const projectId of projects) leave(projectId, partition);
      continue;
    }
    for (const projectId of projects) {
      const cutoffMs = rules.cutoffMs(projectId);
      if (cutoffMs <= partition.fromMs) continue;
      // Where only some of the project's rows are expired, all of them have to be looked at.
      if (cutoffMs < partition.toMs && !thorough) {
        leave(projectId, partition);
        continue;
      }
      const beforeMs = Math.min(cutoffMs, partition.toMs);
      const events = await deleteExpiredEvents(pool, { partition, projectId, beforeMs }, pace);
      if (events > 0) deleted.set(projectId, (deleted.get(projectId) ?? 0) + events);
    }
  }
  let sessions = 0;
  for (const projectId of touched) {
    const beforeMs = Math.min(rules.cutoffMs(projectId), leftFromMs.get(projectId) ?? Number.POSITIVE_INFINITY);
    if (beforeMs === Number.NEGATIVE_INFINITY) continue;
    sessions += await deleteExpiredSessions(pool, { projectId, beforeMs, machines: thorough }, pace);
  }
  return {
    partitionsDropped,
    eventsDeleted: [...deleted].map(([projectId, events]) => ({ projectId, events })),
    sessions,
    ...(await pruneBooks(pool, throughMs, pace)),
    userCounts: await pruneUserCounts(pool, userCountDays, pace),
    unfinished: !pace.goesOn(),
  };
}
