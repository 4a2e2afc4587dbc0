import { type createPool, findProject as findRow, insertProject } from '@wayline/store';
import { IdentityError } from './identity-error.ts';

export type Pool = ReturnType<typeof createPool>;

/** A tenant. `id` is what keys, tokens and rows carry; `slug` is what people type. */
export interface Project {
  id: number;
  slug: string;
  name: string;
}

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** @throws IdentityError if the slug has not the form, or is taken */
export async function createProject(
  pool: Pool,
  { slug, name = slug }: { slug: string; name?: string },
): Promise<Project> {
  if (!SLUG.test(slug)) {
    throw new IdentityError(
      'invalid_slug',
      `A project's slug is 1 to 63 lower-case letters, digits and inner hyphens, which "${slug}" is not.`,
    );
  }
  requireName(name, 'project');
  const project = await insertProject(pool, { slug, name });
  if (!project) throw new IdentityError('slug_taken', `There is a project "${slug}" already.`);
  return project;
}

/** The name, if it is one for people. @throws IdentityError */
export function requireName(name: string, what: string): string {
  if (name.trim() !== '' && [...name].length <= 128) return name;
  throw new IdentityError('invalid_name', `A ${what}'s name is 1 to 128 characters.`);
}

/** @throws IdentityError if there is none */
export async function findProject(pool: Pool, slug: string): Promise<Project> {
  const project = await findRow(pool, slug);
  if (!project) {
    throw new IdentityError(
      'unknown_project',
      `There is no project "${slug}"; make it with \`wayline admin create-project\`.`,
    );
  }
  return project;
}

/** The project of a slug, made if there is none; several processes may ask at once. */
export async function ensureProject(pool: Pool, project: { slug: string; name: string }): Promise<Project> {
  return (await findRow(pool, project.slug)) ?? (await insertProject(pool, project)) ?? findProject(pool, project.slug);
}
