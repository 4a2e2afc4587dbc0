import type { Pool } from '../pool.ts';
import { ADD_SERIES_SUMS, SERIES_SUMS, SETTLED_SLOT, TOTAL_SERIES_SUMS } from '../series-sums.ts';

/** Rows of one statement. */
const AT_ONCE = 5_000;
/** What is younger may still be written to by many. */
const SETTLED = "interval '15 minutes'";

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
    INSERT INTO series_minutes AS m (project_id, namespace_id, type_id, minute, slot, ${SERIES_SUMS})
    SELECT project_id, namespace_id, type_id, minute, ${SETTLED_SLOT}, ${TOTAL_SERIES_SUMS}
    FROM gone GROUP BY project_id, namespace_id, type_id, minute
    ORDER BY project_id, namespace_id, type_id, minute
    ON CONFLICT (project_id, namespace_id, type_id, minute, slot) DO UPDATE SET ${ADD_SERIES_SUMS}
  ), hourly AS (
    INSERT INTO series_hours AS m (project_id, namespace_id, type_id, hour, ${SERIES_SUMS})
    SELECT project_id, namespace_id, type_id, date_bin('1 hour', minute, 'epoch') AS hour, ${TOTAL_SERIES_SUMS}
    FROM gone GROUP BY project_id, namespace_id, type_id, hour
    ORDER BY project_id, namespace_id, type_id, hour
    ON CONFLICT (project_id, namespace_id, type_id, hour) DO UPDATE SET ${ADD_SERIES_SUMS}
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
