import { CORRECTED_AT } from '../queries/stored-event.ts';
import { BY_INDEX } from '../queries/tail-candidates.ts';
import type { Reader } from '../read-only.ts';

/** When a user is seen in events that stay. */
export interface Seen {
  /** Hours of corrected time, epoch ms. */
  hours: Set<number>;
  sawObject: boolean;
}

export interface SeenRow {
  hours: number[] | null;
  sawObject: boolean | null;
}

/** Columns of `SeenRow`, over rows `e` of `events` that meet a condition and count for user $2; with `JOIN_TYPES`. */
export function seenColumns(condition: string): string {
  const counts = `FILTER (WHERE ${condition} AND coalesce(nullif(e.user_id, ''), e.anonymous_id) = $2)`;
  return `array_agg(DISTINCT (extract(epoch FROM date_trunc('hour', ${CORRECTED_AT}, 'UTC')) * 1000)::float8) ${counts} AS hours,
    bool_or(coalesce(e.inline_names ->> 'type', n.name) = 'objectInView') ${counts} AS "sawObject"`;
}

export const JOIN_TYPES = 'LEFT JOIN names n ON n.project_id = e.project_id AND n.kind = 1 AND n.id = e.type_id';

export function addSeen(seen: Seen, { hours, sawObject }: SeenRow): void {
  for (const hour of hours ?? []) seen.hours.add(hour);
  seen.sawObject ||= sawObject === true;
}

/** Those of a partition that batches after one stored: by the index on `batch_id`. To be asked in a transaction. */
export async function seenSinceBatch(
  reader: Reader,
  { table, projectId, userId, lastBatch }: { table: string; projectId: number; userId: string; lastBatch: number },
): Promise<SeenRow> {
  await reader.query(BY_INDEX);
  const { rows } = await reader.query<SeenRow>(
    `SELECT ${seenColumns('true')} FROM ${table} e ${JOIN_TYPES}
     WHERE e.batch_id > $3 AND e.project_id + 0 = $1 AND (e.user_id = $2 OR e.anonymous_id = $2)`,
    [projectId, userId, lastBatch],
  );
  return rows[0] as SeenRow;
}
