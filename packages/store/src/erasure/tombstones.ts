import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';
import type { Reader } from '../read-only.ts';
import { userHash } from './user-hash.ts';

/**
 * Any fixed number. Transactions that store events hold it shared from their beginning; whoever raises a tombstone holds it
 * alone: so no transaction that does not know of the tombstone is still under way, or begins, once it is committed.
 */
export const ERASURE_LOCK = 7_141_002;

/** While the lock is waited for, no worker begins a transaction: a short wait, many times. */
const LOCK_MS = 2_000;
const ATTEMPTS = 60;
const BETWEEN_ATTEMPTS_MS = 500;

/** From when a tombstone holds, and what was stored by then. */
export interface Tombstone {
  /** What was received before is erased, epoch ms. */
  beforeMs: number;
  /** No batch with a greater id had been begun: those are of workers that heed the tombstone. */
  lastBatch: number;
}

/**
 * Notes that a user is erased, for all that was received before a time, epoch ms (default: now). An earlier erasure of the same
 * user never shrinks. From when this resolves on, no transaction stores anything of the user from before that time.
 */
export async function raiseTombstone(
  pool: Pool,
  { projectId, userId, beforeMs }: { projectId: number; userId: string; beforeMs?: number | undefined },
): Promise<Tombstone> {
  const hash = userHash(await readErasureSecret(pool), projectId, userId);
  return whileNobodyStores(pool, async (client) => {
    const { rows } = await client.query<Tombstone>(
      `INSERT INTO erasures AS e (project_id, user_hash, before)
       VALUES ($1, $2, coalesce($3, date_trunc('milliseconds', clock_timestamp()) + interval '1 ms'))
       ON CONFLICT (project_id, user_hash) DO UPDATE SET before = greatest(e.before, excluded.before),
         requested_at = clock_timestamp(), finished_at = NULL
       RETURNING before AS "beforeMs",
         (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM batch_ids) AS "lastBatch"`,
      [projectId, hash, beforeMs === undefined ? null : new Date(beforeMs).toISOString()],
    );
    return rows[0] as Tombstone;
  });
}

/** Runs a short transaction during which nobody stores events; afterwards every worker forgets which users it knows. */
export async function whileNobodyStores<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await inTransaction(pool, async (client) => {
        await client.query(`SET LOCAL lock_timeout = ${LOCK_MS}; SELECT pg_advisory_xact_lock(${ERASURE_LOCK})`);
        // The versions follow the clock, so that a database restored to an earlier moment does not give one a second time.
        await client.query(
          `UPDATE erasure_state
           SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)`,
        );
        return work(client);
      });
    } catch (error) {
      if ((error as { code?: string }).code !== '55P03' || attempt >= ATTEMPTS) throw error;
      await sleep(BETWEEN_ATTEMPTS_MS);
    }
  }
}

/** Notes that nothing of the user is left, from before the time of its tombstone. */
export async function finishTombstone(pool: Pool, projectId: number, userId: string): Promise<void> {
  const hash = userHash(await readErasureSecret(pool), projectId, userId);
  await pool.query('UPDATE erasures SET finished_at = clock_timestamp() WHERE project_id = $1 AND user_hash = $2', [
    projectId,
    hash,
  ]);
}

/** Whether an event of any of these users, received at that time, epoch ms, is to be dropped. */
export async function isErased(
  reader: Reader,
  { projectId, userIds, receivedMs }: { projectId: number; userIds: readonly string[]; receivedMs: number },
): Promise<boolean> {
  const { rowCount } = await reader.query('SELECT FROM erasures WHERE project_id = $1 LIMIT 1', [projectId]);
  if (rowCount === 0 || userIds.length === 0) return false;
  const secret = await readErasureSecret(reader);
  const found = await reader.query(
    'SELECT FROM erasures WHERE project_id = $1 AND user_hash = ANY ($2::bytea[]) AND before > $3 LIMIT 1',
    [projectId, userIds.map((id) => userHash(secret, projectId, id)), new Date(receivedMs).toISOString()],
  );
  return found.rowCount === 1;
}

export async function readErasureSecret(reader: Reader): Promise<Buffer> {
  const { rows } = await reader.query<{ secret: Buffer }>('SELECT secret FROM erasure_state');
  return (rows[0] as { secret: Buffer }).secret;
}
