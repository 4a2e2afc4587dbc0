import { readEventTables } from '../../maintenance/event-tables.ts';
import { readRetentionRules } from '../../maintenance/retention-rules.ts';
import type { Reader } from '../../read-only.ts';
import { SKEW_MARGIN_MS, timestampOf } from '../timestamps.ts';
import type { Series } from './find-series.ts';
import { MINUTE_MS } from './granularity.ts';

/** By what the retention of projects goes. */
export interface RetentionAsOf {
  /** Up to when everything is stored, epoch ms. */
  throughMs: number;
  /** For projects without a retention of their own; undefined: for ever. */
  defaultDays: number | undefined;
}

/** Rows of `events` are needed that retention has taken. */
export class RawEventsGoneError extends Error {
  override readonly name = 'RawEventsGoneError';
  /** From this corrected time on they are all there, epoch ms. */
  readonly keptFromMs: number;

  constructor(keptFromMs: number) {
    super(`Rows of events from before ${keptFromMs} are gone`);
    this.keptFromMs = keptFromMs;
  }
}

/**
 * For when fewer rows are found than were counted as they were stored. What was erased is meant to be missing; what
 * retention took is not to be passed over in silence.
 * @param fromMs corrected time of the earliest that were looked for
 * @throws RawEventsGoneError where retention reaches that far
 */
export async function refuseIfExpired(
  reader: Reader,
  series: Series,
  { fromMs, retention }: { fromMs: number; retention: RetentionAsOf },
): Promise<void> {
  const keptFromMs = await rawEventsKeptFrom(reader, series, retention);
  if (fromMs < keptFromMs) throw new RawEventsGoneError(keptFromMs);
}

/**
 * From which corrected time on retention has left the rows of a series alone; −Infinity if it never took any. Retention
 * goes by the sender's clock, hence the margin. It may have been shorter once: so the minutes count, too, that lie before
 * all rows of the project that there are.
 */
async function rawEventsKeptFrom(reader: Reader, series: Series, retention: RetentionAsOf): Promise<number> {
  const { projectId, namespace, type } = series;
  const rules = await readRetentionRules(reader, retention);
  const earliest = timestampOf(await earliestPartition(reader, projectId));
  const { rows } = await reader.query<{ minuteMs: number }>(
    `SELECT minute AS "minuteMs" FROM series_minutes
     WHERE project_id = $1 AND namespace_id = $2 AND type_id = $3 AND minute < $4 ORDER BY minute DESC LIMIT 1`,
    [projectId, namespace.id, type.id, earliest],
  );
  const droppedToMs = rows[0] ? rows[0].minuteMs + MINUTE_MS : Number.NEGATIVE_INFINITY;
  return Math.max(rules.cutoffMs(projectId), droppedToMs) + SKEW_MARGIN_MS;
}

/** The start of the first partition with a row of the project; infinite where there is none. */
async function earliestPartition(reader: Reader, projectId: number): Promise<number> {
  for (const { table, fromMs } of await readEventTables(reader)) {
    const { rowCount } = await reader.query(`SELECT FROM ${table} WHERE project_id = $1 LIMIT 1`, [projectId]);
    if (rowCount) return fromMs;
  }
  return Number.POSITIVE_INFINITY;
}
