import type { Pool } from 'pg';

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

/** The new project, or undefined if the slug is taken. */
export async function insertProject(pool: Pool, project: Omit<ProjectRow, 'id'>): Promise<ProjectRow | undefined> {
  const { rows } = await pool.query<ProjectRow>(
    'INSERT INTO projects (slug, name) VALUES ($1, $2) ON CONFLICT (slug) DO NOTHING RETURNING id, slug, name',
    [project.slug, project.name],
  );
  return rows[0];
}
