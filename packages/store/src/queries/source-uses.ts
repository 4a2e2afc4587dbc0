import type { Source } from '../names.ts';
import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import type { SessionPlace } from './locate-session.ts';
import { machineSeen } from './machine-seen.ts';
import { CORRECTED_AT, INLINE_SOURCE, sourceKindName } from './stored-event.ts';
import { SKEW_MARGIN_MS, type TimeRange, timestampsOf } from './timestamps.ts';

/** How often, and from when to when, an app or a microservice reported: all its versions and instances together. */
export interface SourceUse {
  kind: Source['kind'];
  name: string;
  count: number;
  /** Corrected times, epoch ms. */
  firstMs: number;
  lastMs: number;
}

/** Sums up by source id before it looks names up. @param where which rows of `events`; $1 must be the project */
const usesWhere = (where: string): string => `
  WITH used AS (
    SELECT source_id, ${INLINE_SOURCE}::text AS inline_source, count(*) AS count, min(${CORRECTED_AT}) AS first_at,
      max(${CORRECTED_AT}) AS last_at
    FROM events WHERE ${where} GROUP BY 1, 2
  ), named AS (
    SELECT coalesce(source.kind, CASE inline_source::json ->> 'kind' WHEN 'app' THEN 1 ELSE 2 END) AS kind,
      coalesce(source.name, inline_source::json ->> 'name') AS name, count, first_at, last_at
    FROM used LEFT JOIN sources source ON source.project_id = $1 AND source.id = source_id
  )
  SELECT kind, name, sum(count)::bigint AS count, min(first_at) AS first_at, max(last_at) AS last_at
  FROM named WHERE name IS NOT NULL GROUP BY kind, name ORDER BY first_at, kind, name`;

interface UseRecord {
  kind: number;
  name: string;
  count: number;
  first_at: number;
  last_at: number;
}

const toUse = ({ kind, name, count, first_at, last_at }: UseRecord): SourceUse => ({
  kind: sourceKindName(kind),
  name,
  count,
  firstMs: first_at,
  lastMs: last_at,
});

/** Apps and microservices that reported into a session, by first use. */
export async function sessionSourceUses(reader: Reader, session: SessionPlace): Promise<SourceUse[]> {
  const { rows } = await reader.query<UseRecord>(
    plannedOnce(usesWhere('project_id = $1 AND session_id = $2 AND occurred_at BETWEEN $3 AND $4'), [
      session.projectId,
      session.sessionId,
      session.occurredFrom,
      session.occurredTo,
    ]),
  );
  return rows.map(toUse);
}

/** Apps and microservices whose events name a machine, in a range of corrected times, by first use. */
export async function machineSourceUses(
  reader: Reader,
  machine: { projectId: number; machineId: string },
  range: TimeRange,
): Promise<SourceUse[]> {
  const seen = await machineSeen(reader, machine.projectId, machine.machineId);
  if (!seen) return [];
  // Cut to when it was seen, so that partitions without a row of it are not even planned for.
  const fromMs = Math.max(range.fromMs ?? -Infinity, seen.firstMs);
  const toMs = Math.min(range.toMs ?? Infinity, seen.lastMs + 1);
  if (fromMs >= toMs) return [];
  // The planner takes it that a machine has few events; the many that some have would be sorted on disk. For the transaction.
  const [, { rows }] = await Promise.all([
    reader.query('SET LOCAL enable_sort = off'),
    reader.query<UseRecord>(
      plannedOnce(
        usesWhere(`project_id = $1 AND machine_id = $2 AND occurred_at >= $3 AND occurred_at < $4
      AND ${CORRECTED_AT} >= $5 AND ${CORRECTED_AT} < $6`),
        [
          machine.projectId,
          machine.machineId,
          ...timestampsOf({ fromMs, toMs }, SKEW_MARGIN_MS),
          ...timestampsOf({ fromMs, toMs }),
        ],
      ),
    ),
  ]);
  return rows.map(toUse);
}
