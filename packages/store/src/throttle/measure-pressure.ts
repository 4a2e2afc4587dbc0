import type { Pool } from '../pool.ts';

/** What others do in the database: connections of another application name than that of the pool. */
export interface Pressure {
  /** Those at work at this moment. */
  busy: number;
  /** How long ago one of them was at work, ms: 0 if one is. However short a query is, it is seen. Undefined where none is known to have been. */
  sinceMs: number | undefined;
  /** Those that wait for a lock. */
  waiting: number;
  /** Those of which this user may not know what they do; they count nowhere else. */
  unseen: number;
}

// The kind of a connection is hidden with its state from a user that may not see it.
const MEASURE = `
  SELECT count(*) FILTER (WHERE state = 'active')::integer AS busy,
    min(CASE WHEN state = 'active' THEN 0 ELSE extract(epoch FROM clock_timestamp() - state_change) * 1000 END)::float8 AS since_ms,
    count(*) FILTER (WHERE wait_event_type = 'Lock')::integer AS waiting, count(*) FILTER (WHERE state IS NULL)::integer AS unseen
  FROM pg_stat_activity
  WHERE coalesce(backend_type, 'client backend') = 'client backend' AND usesysid IS NOT NULL AND datname = current_database()
    AND application_name <> current_setting('application_name')`;

export async function measurePressure(pool: Pool): Promise<Pressure> {
  const { rows } = await pool.query<{ busy: number; since_ms: number | null; waiting: number; unseen: number }>(
    MEASURE,
  );
  const { since_ms: sinceMs, ...counts } = rows[0] as (typeof rows)[0];
  return { ...counts, sinceMs: sinceMs === null ? undefined : Math.max(0, sinceMs) };
}
