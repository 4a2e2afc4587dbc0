import type { Reader } from '../read-only.ts';
import { type TimeRange, timestampsOf } from './timestamps.ts';

/** What became of the records of one hour of the log. read = stored + duplicate + deadLettered + erased. */
export interface LedgerHour {
  /** Start of the hour, epoch ms. */
  hourMs: number;
  read: number;
  stored: number;
  duplicate: number;
  deadLettered: number;
  erased: number;
  /** Gone from the log before they were read: beside the sum. */
  expired: number;
  /** Stored once, gone since by retention or erasure. */
  removed: number;
}

/** Project 0 stands for records whose project cannot be told. */
const NOBODY = 0;
const HOUR_MS = 3_600_000;

/** The hours that a range touches, in order: those of a project, and those of nobody. */
export async function ledgerHours(
  reader: Reader,
  projectId: number,
  { fromMs, toMs }: TimeRange,
): Promise<{ hours: LedgerHour[]; unattributed: LedgerHour[] }> {
  const wholeFrom = fromMs === undefined ? undefined : Math.floor(fromMs / HOUR_MS) * HOUR_MS;
  const { rows } = await reader.query<LedgerHour & { projectId: number }>(
    `SELECT project_id AS "projectId", hour AS "hourMs", sum(read)::bigint AS read, sum(stored)::bigint AS stored,
       sum(duplicate)::bigint AS duplicate, sum(dead_lettered)::bigint AS "deadLettered", sum(erased)::bigint AS erased,
       sum(expired)::bigint AS expired, sum(removed)::bigint AS removed
     FROM ledger WHERE project_id = ANY ($1::integer[]) AND hour >= $2 AND hour < $3
     GROUP BY project_id, hour ORDER BY hour`,
    [[projectId, NOBODY], ...timestampsOf({ fromMs: wholeFrom, toMs })],
  );
  const of = (project: number) =>
    rows.filter((row) => row.projectId === project).map(({ projectId: _, ...hour }): LedgerHour => hour);
  return { hours: of(projectId), unattributed: of(NOBODY) };
}
