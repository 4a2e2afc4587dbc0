import type { Pool } from '../pool.ts';

/** How PostgreSQL fares, as seen from inside. */
export interface Pressure {
  /** How long a small, fixed piece of work took, ms: it grows as others compete for processors. */
  workMs: number;
  /**
   * Other connections that are at work, or were within the last quarter of a second (queries of a millisecond are seldom met
   * at work), or of which we may not know: those of the same application name not counted.
   */
  others: number;
  /** Those of them that wait for a lock. */
  waiting: number;
}

// Measured by PostgreSQL itself: how busy this process is does not come into it.
const MEASURE = `
  WITH begun AS MATERIALIZED (SELECT clock_timestamp() AS at),
    worked AS MATERIALIZED (SELECT count(n) AS done FROM begun, generate_series(1, 5000) AS n),
    ended AS MATERIALIZED (SELECT clock_timestamp() AS at FROM worked WHERE done > 0)
  SELECT extract(epoch FROM ended.at - begun.at)::float8 * 1000 AS work_ms,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()
       AND application_name <> current_setting('application_name')
       AND (coalesce(state, 'active') = 'active' OR query_start > clock_timestamp() - interval '250 ms')) AS others,
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = current_database()
       AND application_name <> current_setting('application_name') AND wait_event_type = 'Lock') AS waiting
  FROM begun, ended`;

export async function measurePressure(pool: Pool): Promise<Pressure> {
  const { rows } = await pool.query<{ work_ms: number; others: number; waiting: number }>(MEASURE);
  const { work_ms: workMs, others, waiting } = rows[0] as (typeof rows)[0];
  return { workMs, others, waiting };
}
