import type { Pool } from '../pool.ts';
import { addedSum, totalSum } from '../value-sum.ts';

/** Rows of one statement. */
const AT_ONCE = 5_000;
/** What is younger may still be written to by many. */
const SETTLED = "interval '15 minutes'";
/** Minutes in it are in the sums of their hours, too. */
export const SETTLED_SLOT = -2;

const COLUMNS = 'events, valued, value_sum, value_min, value_max, first_at, first_valued_at';
const TOTALS = `sum(events), sum(valued), ${totalSum('value_sum')}, min(value_min), max(value_max), min(first_at), min(first_valued_at)`;
const ADD = `
  events = m.events + excluded.events, valued = m.valued + excluded.valued,
  value_sum = ${addedSum('m.value_sum', 'excluded.value_sum')}, value_min = least(m.value_min, excluded.value_min),
  value_max = greatest(m.value_max, excluded.value_max), first_at = least(m.first_at, excluded.first_at),
  first_valued_at = least(m.first_valued_at, excluded.first_valued_at)`;

// Rows that a writer holds are passed over: there is another time. Once a row is gone, a writer makes its own anew. The sums
// of hours are those of the minutes in this slot: both change by the same.
const COMPACT_MINUTES = `
  WITH chosen AS MATERIALIZED (
    SELECT project_id, namespace_id, type_id, minute, slot FROM series_minutes
    WHERE slot > ${SETTLED_SLOT} AND minute < now() - ${SETTLED}
    ORDER BY project_id, namespace_id, type_id, minute, slot LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM series_minutes USING chosen
    WHERE (series_minutes.project_id, series_minutes.namespace_id, series_minutes.type_id, series_minutes.minute,
      series_minutes.slot) = (chosen.project_id, chosen.namespace_id, chosen.type_id, chosen.minute, chosen.slot)
    RETURNING series_minutes.*
  ), merged AS (
    INSERT INTO series_minutes AS m (project_id, namespace_id, type_id, minute, slot, ${COLUMNS})
    SELECT project_id, namespace_id, type_id, minute, ${SETTLED_SLOT}, ${TOTALS}
    FROM gone GROUP BY project_id, namespace_id, type_id, minute
    ORDER BY project_id, namespace_id, type_id, minute
    ON CONFLICT (project_id, namespace_id, type_id, minute, slot) DO UPDATE SET ${ADD}
  ), hourly AS (
    INSERT INTO series_hours AS m (project_id, namespace_id, type_id, hour, ${COLUMNS})
    SELECT project_id, namespace_id, type_id, date_bin('1 hour', minute, 'epoch') AS hour, ${TOTALS}
    FROM gone GROUP BY project_id, namespace_id, type_id, hour
    ORDER BY project_id, namespace_id, type_id, hour
    ON CONFLICT (project_id, namespace_id, type_id, hour) DO UPDATE SET ${ADD}
  )
  SELECT count(*) AS rows FROM gone`;

const COMPACT_HOURS = `
  WITH chosen AS MATERIALIZED (
    SELECT project_id, hour, slot FROM hours WHERE slot >= 0 AND hour < now() - interval '1 hour' - ${SETTLED}
    ORDER BY project_id, hour, slot LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM hours USING chosen
    WHERE (hours.project_id, hours.hour, hours.slot) = (chosen.project_id, chosen.hour, chosen.slot) RETURNING hours.*
  ), merged AS (
    INSERT INTO hours AS h (project_id, hour, slot, events, clicks, impressions, unique_users)
    SELECT project_id, hour, -1, sum(events), sum(clicks), sum(impressions), sum(unique_users)
    FROM gone GROUP BY project_id, hour ORDER BY project_id, hour
    ON CONFLICT (project_id, hour, slot) DO UPDATE SET
      events = h.events + excluded.events, clicks = h.clicks + excluded.clicks,
      impressions = h.impressions + excluded.impressions, unique_users = h.unique_users + excluded.unique_users
  )
  SELECT count(*) AS rows FROM gone`;

/**
 * Brings the counters of settled minutes and hours, which stand in a slot for each writer, into one row each. What is read
 * does not change by it. One process at a time should do it; more than one do no harm.
 * @returns how many rows were merged, over both tables
 */
export async function compactRollups(pool: Pool, signal: AbortSignal): Promise<number> {
  let merged = 0;
  for (const statement of [COMPACT_MINUTES, COMPACT_HOURS]) {
    for (let more = true; more && !signal.aborted; ) {
      const { rows } = await pool.query<{ rows: number }>(statement);
      const count = rows[0]?.rows ?? 0;
      merged += count;
      more = count === AT_ONCE;
    }
  }
  return merged;
}
