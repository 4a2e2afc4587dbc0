import type { Pool } from 'pg';
import { inTransaction } from '../in-transaction.ts';

/** A setting as it is to stand in the log. */
export interface SettingRow {
  key: string;
  version: number;
  value: Record<string, unknown>;
}

/** Of the transaction that publishes: how long it may be idle while the log takes the records. Above the log's own deadline. */
const PATIENCE_MS = 30_000;

/** Whether there are settings that the log does not have yet. Cheap: it may be asked every few seconds. */
export async function hasUnpublishedSettings(pool: Pool, logId: string): Promise<boolean> {
  const { rows } = await pool.query<{ waiting: boolean }>(
    `SELECT EXISTS (SELECT FROM settings WHERE version > coalesce(
       (SELECT version FROM settings_published WHERE log_id = $1), 0)) AS waiting`,
    [logId],
  );
  return rows[0]?.waiting ?? false;
}

/**
 * Hands over the settings that the log does not have yet, in the order of their versions, `limit` at most, and notes
 * that it has them once `append` has resolved. One process at a time: where another is at it, nothing is done. Held by
 * the transaction, so that it works behind PgBouncer. What is handed over and then not noted comes again.
 * @returns how many were published, or undefined where another process is at it
 */
export async function publishSettings(
  pool: Pool,
  logId: string,
  { limit, append }: { limit: number; append(settings: readonly SettingRow[]): Promise<void> },
): Promise<number | undefined> {
  return inTransaction(pool, async (client) => {
    await client.query(`SET LOCAL idle_in_transaction_session_timeout = ${PATIENCE_MS}`);
    const lock = await client.query<{ held: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('wayline settings ' || $1, 0)) AS held`,
      [logId],
    );
    if (!lock.rows[0]?.held) return undefined;
    // Read after the lock was taken, in a statement of its own: it sees what the holder before has noted.
    const { rows } = await client.query<SettingRow>(
      `SELECT key, version, value FROM settings
        WHERE version > coalesce((SELECT version FROM settings_published WHERE log_id = $1), 0)
        ORDER BY version LIMIT $2`,
      [logId, limit],
    );
    const last = rows.at(-1);
    if (!last) return 0;
    await append(rows);
    await client.query(
      `INSERT INTO settings_published (log_id, version) VALUES ($1, $2)
       ON CONFLICT (log_id) DO UPDATE SET version = excluded.version, updated_at = clock_timestamp()`,
      [logId, last.version],
    );
    return rows.length;
  });
}

/** The keys and versions of all settings that the log is to have, as far as they count as published. */
export async function publishedSettings(pool: Pool, logId: string): Promise<{ key: string; version: number }[]> {
  const { rows } = await pool.query<{ key: string; version: number }>(
    `SELECT key, version FROM settings
      WHERE version <= (SELECT version FROM settings_published WHERE log_id = $1)`,
    [logId],
  );
  return rows;
}
