import type { Pool } from 'pg';

/** So many are read past as quickly as those that wait. */
const FEW = 10_000;

/**
 * Frees the room of marks that were taken: else each look reads past all that there were. Autovacuum looks about once a minute,
 * in which hundreds of thousands may come and go. Waits for nobody, and does nothing for a role that does not own the table.
 */
export async function freeMarks(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ dead: number }>(
    `SELECT pg_stat_get_dead_tuples('dirty_sessions'::regclass)::float8 AS dead`,
  );
  if ((rows[0]?.dead ?? 0) > FEW) await pool.query('VACUUM (SKIP_LOCKED, TRUNCATE OFF) dirty_sessions');
}
