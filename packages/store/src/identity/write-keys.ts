import type { Pool, PoolClient } from 'pg';

export interface WriteKeyRow {
  projectId: number;
  keyId: string;
  name: string;
  allowImport: boolean;
}

/** A key as it is listed; times are epoch ms. */
export interface ListedWriteKey extends WriteKeyRow {
  createdAt: number;
  revokedAt: number | null;
}

const COLUMNS = 'project_id AS "projectId", key_id AS "keyId", name, allow_import AS "allowImport"';

/** The oldest key of the project with this name and right that was not revoked, or undefined. */
export async function findWriteKey(pool: Pool, key: Omit<WriteKeyRow, 'keyId'>): Promise<WriteKeyRow | undefined> {
  const { rows } = await pool.query<WriteKeyRow>(
    `SELECT ${COLUMNS} FROM write_keys
      WHERE project_id = $1 AND name = $2 AND allow_import = $3 AND revoked_at IS NULL
      ORDER BY created_at, key_id LIMIT 1`,
    [key.projectId, key.name, key.allowImport],
  );
  return rows[0];
}

export async function insertWriteKey(pool: Pool, key: WriteKeyRow): Promise<void> {
  await pool.query('INSERT INTO write_keys (project_id, key_id, name, allow_import) VALUES ($1, $2, $3, $4)', [
    key.projectId,
    key.keyId,
    key.name,
    key.allowImport,
  ]);
}

const LISTED = `${COLUMNS}, created_at AS "createdAt", revoked_at AS "revokedAt"`;

/** All keys of a project, the newest first, revoked ones too. */
export async function listWriteKeys(pool: Pool, projectId: number): Promise<ListedWriteKey[]> {
  const { rows } = await pool.query<ListedWriteKey>(
    `SELECT ${LISTED} FROM write_keys WHERE project_id = $1 ORDER BY created_at DESC, key_id`,
    [projectId],
  );
  return rows;
}

/** The keys with an id, of any project: more than one is possible, and next to never there. */
export async function findWriteKeysById(pool: Pool, keyId: string): Promise<ListedWriteKey[]> {
  const { rows } = await pool.query<ListedWriteKey>(`SELECT ${LISTED} FROM write_keys WHERE key_id = $1`, [keyId]);
  return rows;
}

/** When the key was revoked, epoch ms: now, unless it was before. Undefined if there is no such key. */
export async function revokeWriteKey(
  client: PoolClient,
  { projectId, keyId }: { projectId: number; keyId: string },
): Promise<number | undefined> {
  const { rows } = await client.query<{ revokedAt: number }>(
    `UPDATE write_keys SET revoked_at = coalesce(revoked_at, clock_timestamp())
      WHERE project_id = $1 AND key_id = $2 RETURNING revoked_at AS "revokedAt"`,
    [projectId, keyId],
  );
  return rows[0]?.revokedAt;
}
