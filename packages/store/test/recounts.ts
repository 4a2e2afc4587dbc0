import { expect } from '@jest/globals';
import { wrongRollups } from '@wayline/testkit';
import type pg from 'pg';

/** What the ledger says of all hours together. */
export async function ledgerSums(pool: pg.Pool) {
  const { rows } =
    await pool.query(`SELECT sum(read)::int AS read, sum(stored)::int AS stored, sum(duplicate)::int AS duplicate,
      sum(dead_lettered)::int AS "deadLettered" FROM ledger`);
  return rows[0];
}

/** Sessions and rollups are what a recount over the events finds. */
export async function expectDerivedToEqualARecount(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query(
    `SELECT s.session_id, s.event_count::int AS kept, e.n::int AS counted, s.first_at = e.first AS first, s.last_at = e.last AS last
     FROM sessions s FULL JOIN (
       SELECT project_id, session_id, count(*) AS n, min(occurred_at + skew_ms * interval '1 ms') AS first,
         max(occurred_at + skew_ms * interval '1 ms') AS last
       FROM events GROUP BY 1, 2) e USING (project_id, session_id)
     WHERE s.event_count IS DISTINCT FROM e.n OR s.first_at <> e.first OR s.last_at <> e.last`,
  );
  expect(rows).toEqual([]);
  const client = await pool.connect();
  expect(await wrongRollups(client).finally(() => client.release())).toEqual([]);
}
