import { expect } from '@jest/globals';
import type { Pool } from 'pg';

/**
 * Has background work stopped in the middle of a transaction: it waits for a table that is held here, and stopping waits for it.
 * @param begin what brings the work to that table; gives how to stop it
 */
export async function stopInHand(
  pool: Pool,
  table: string,
  begin: () => Promise<{ stop(): Promise<unknown> }>,
): Promise<void> {
  // Other tests have databases of their own on the same server.
  const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  const isWaiting = async () => (await pool.query(waiting)).rows.length > 0;
  const holder = await pool.connect();
  let stopping: Promise<void> | undefined;
  try {
    await holder.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const { stop } = await begin();
    while (!(await isWaiting()));
    let stopped = false;
    stopping = stop().then(() => {
      stopped = true;
    });
    expect(await isWaiting()).toBe(true);
    expect(stopped).toBe(false);
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
  await stopping;
}
