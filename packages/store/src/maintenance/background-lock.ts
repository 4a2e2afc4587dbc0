import type { Pool, PoolClient } from 'pg';
import { IDLE_MS, inTransaction } from '../in-transaction.ts';

/** Kinds of work in the background, of which each is done by one process at a time. */
export type BackgroundWork = 'maintenance' | 'hops' | 'user counts';

/** A process that is silent for longer was stopped, or is gone. By then the transactions of its work are over, too. */
const SILENT_MS = 2 * IDLE_MS;
const BEATS = 4;

/**
 * Runs the work unless another process is at it. The lock is held by a transaction that does nothing else, so that it
 * works behind PgBouncer, and ends with its connection; while the work lasts it gives signs of life, so that a process that
 * is stopped holds it no longer than `SILENT_MS`.
 * @returns undefined where another process is at it
 */
export function withBackgroundLock<T>(
  pool: Pool,
  kind: BackgroundWork,
  work: () => Promise<T>,
): Promise<T | undefined> {
  return withLivingLock(pool, { kind, silentMs: SILENT_MS }, work);
}

/** The same, with another time for which it may be silent, ms. */
export async function withLivingLock<T>(
  pool: Pool,
  { kind, silentMs }: { kind: BackgroundWork; silentMs: number },
  work: () => Promise<T>,
): Promise<T | undefined> {
  return inTransaction(pool, async (client) => {
    await client.query(`SET LOCAL idle_in_transaction_session_timeout = ${silentMs}`);
    if (!(await takeBackgroundLock(client, kind))) return undefined;
    const stop = keepAlive(client, silentMs / BEATS);
    try {
      return await work();
    } finally {
      stop();
    }
  });
}

/** Where the connection is gone, COMMIT says so. */
function keepAlive(client: PoolClient, everyMs: number): () => void {
  let isAsking = false;
  const done = (): void => {
    isAsking = false;
  };
  const timer = setInterval(() => {
    if (isAsking) return;
    isAsking = true;
    client.query('SELECT').then(done, done);
  }, everyMs);
  return () => clearInterval(timer);
}

/** Takes the lock for the transaction of a client, in which all of the work is done; false where another process is at it. */
export async function takeBackgroundLock(client: PoolClient, kind: BackgroundWork): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS held',
    [`wayline ${kind}`],
  );
  return rows[0]?.held === true;
}
