import type { Pool } from 'pg';
import { timestampOf } from '../queries/timestamps.ts';
import type { Reader } from '../read-only.ts';

/** Up to when everything of a log was stored, and when that was seen. Epoch ms. */
export interface LogProgress {
  completeThroughMs: number;
  notedMs: number;
}

/** Notes it for those who cannot ask the log themselves. It stays true, however old it gets. */
export async function noteLogProgress(
  pool: Pool,
  { logId, group, completeThroughMs }: { logId: string; group: string; completeThroughMs: number },
): Promise<void> {
  await pool.query(
    `INSERT INTO log_progress (log_id, group_name, complete_through) VALUES ($1, $2, $3)
     ON CONFLICT (log_id, group_name) DO UPDATE SET complete_through = excluded.complete_through,
       noted_at = clock_timestamp()`,
    [logId, group, timestampOf(completeThroughMs)],
  );
}

/** What a worker noted last, of the log that is in use; undefined before any did. */
export async function readLogProgress(reader: Reader): Promise<LogProgress | undefined> {
  const { rows } = await reader.query<LogProgress>(
    `SELECT complete_through AS "completeThroughMs", noted_at AS "notedMs" FROM log_progress
     ORDER BY noted_at DESC LIMIT 1`,
  );
  return rows[0];
}
