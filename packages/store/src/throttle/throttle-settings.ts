import type { Pool } from '../pool.ts';

/** What an operator has set for the workers of a group; absent: what each is configured with. */
export interface StoredThrottle {
  maxRows?: number;
  lingerMs?: number;
  concurrency?: number;
  rowsPerSecond?: number;
  adaptive?: boolean;
}

/** `null` takes a setting away. */
export type ThrottlePatch = { [Name in keyof StoredThrottle]?: StoredThrottle[Name] | null };

export async function readThrottle(pool: Pool, group: string): Promise<StoredThrottle> {
  const { rows } = await pool.query<{ settings: StoredThrottle }>(
    'SELECT settings FROM worker_throttles WHERE group_name = $1',
    [group],
  );
  return rows[0]?.settings ?? {};
}

/** Changes what is named, and answers with all that is set then. Workers follow within a few seconds. */
export async function changeThrottle(pool: Pool, group: string, patch: ThrottlePatch): Promise<StoredThrottle> {
  const { rows } = await pool.query<{ settings: StoredThrottle }>(
    `INSERT INTO worker_throttles AS t (group_name, settings) VALUES ($1, jsonb_strip_nulls($2))
     ON CONFLICT (group_name) DO UPDATE SET settings = jsonb_strip_nulls(t.settings || $2), updated_at = now()
     RETURNING settings`,
    [group, JSON.stringify(patch)],
  );
  return (rows[0] as (typeof rows)[0]).settings;
}
