import { projectSettingKey } from '@wayline/contracts';
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';
import { changeSetting } from '../settings/change-settings.ts';

export interface ProjectRow {
  id: number;
  slug: string;
  name: string;
}

/** The project of a slug, or undefined. */
export async function findProject(pool: Pool, slug: string): Promise<ProjectRow | undefined> {
  const { rows } = await pool.query<ProjectRow>('SELECT id, slug, name FROM projects WHERE slug = $1', [slug]);
  return rows[0];
}

/** The new project, or undefined if the slug is taken. It is told to the log with the settings. */
export async function insertProject(pool: Pool, project: Omit<ProjectRow, 'id'>): Promise<ProjectRow | undefined> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<ProjectRow>(
      'INSERT INTO projects (slug, name) VALUES ($1, $2) ON CONFLICT (slug) DO NOTHING RETURNING id, slug, name',
      [project.slug, project.name],
    );
    if (rows[0]) await changeSetting(client, projectSettingKey(rows[0].id), project);
    return rows[0];
  });
}

/** Gives a project another name for people. */
export async function renameProject(client: PoolClient, projectId: number, name: string): Promise<void> {
  await client.query('UPDATE projects SET name = $2 WHERE id = $1', [projectId, name]);
}
