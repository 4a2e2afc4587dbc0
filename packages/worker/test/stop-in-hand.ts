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
  const isWaiting = async () => (await pool.query('SELECT FROM pg_locks WHERE NOT granted')).rows.length > 0;
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
