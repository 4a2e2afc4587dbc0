import type { Pool } from 'pg';

export interface WriteKeyRow {
  projectId: number;
  keyId: string;
  name: string;
  allowImport: boolean;
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
