import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';

/** Fields to set; null takes one away, what is not named stays. */
export type SettingPatch = Readonly<Record<string, unknown>>;

const NEXT_VERSION = `
  UPDATE settings_version SET version = greatest(version + 1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint)
  RETURNING version`;

/**
 * Merges the patch into the setting, inside the caller's transaction, and with that marks it to be published. Other
 * changes wait until the transaction ends.
 * @returns the setting as it is now
 */
export async function changeSetting(
  client: PoolClient,
  key: string,
  patch: SettingPatch,
): Promise<Record<string, unknown>> {
  const { rows } = await client.query<{ value: Record<string, unknown> }>(
    `WITH next AS (${NEXT_VERSION})
     INSERT INTO settings AS s (key, value, version)
     SELECT $1, jsonb_strip_nulls($2::jsonb), version FROM next
     ON CONFLICT (key) DO UPDATE SET value = jsonb_strip_nulls(s.value || $2::jsonb), version = excluded.version,
       updated_at = clock_timestamp()
     RETURNING value`,
    [key, JSON.stringify(patch)],
  );
  return rows[0]?.value ?? {};
}

/** A setting, or an empty one where nothing was ever set. */
export async function readSetting(pool: Pool, key: string): Promise<Record<string, unknown>> {
  const { rows } = await pool.query<{ value: Record<string, unknown> }>('SELECT value FROM settings WHERE key = $1', [
    key,
  ]);
  return rows[0]?.value ?? {};
}

/**
 * Gives those of the settings that still have these versions new ones, so that they are published once more.
 * @returns how many
 */
export async function republishSettings(
  pool: Pool,
  settings: readonly { key: string; version: number }[],
): Promise<number> {
  let count = 0;
  await inTransaction(pool, async (client) => {
    for (const { key, version } of settings) {
      const { rowCount } = await client.query(
        `WITH next AS (${NEXT_VERSION})
         UPDATE settings SET version = next.version FROM next WHERE key = $1 AND settings.version = $2`,
        [key, version],
      );
      count += rowCount ?? 0;
    }
  });
  return count;
}
