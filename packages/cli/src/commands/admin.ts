import { resolve } from 'node:path';
import { createProject, createWriteKey, findProject } from '@wayline/identity';
import { SCOPES, type Scope, signAccessToken } from '@wayline/identity/verify';
import type { Config } from '../config.ts';
import { dataFolder } from '../data-folder.ts';
import { messageOf, UsageError } from '../errors.ts';
import { tell } from '../report.ts';
import { makeSecrets, readSecrets, type Secrets } from '../secrets.ts';
import { withPool } from '../store-access.ts';
import { parseDuration } from './duration.ts';

/** What an admin command answers: for machines, and for people. */
export interface Answer {
  fields: Record<string, unknown>;
  text: string;
}

const MAX_EXPIRES_SECONDS = 3650 * 86_400;

export async function createProjectCommand(
  config: Config<'admin'>,
  { slug, name }: { slug: string; name: string | undefined },
): Promise<Answer> {
  const project = await withPool(config, (pool) => createProject(pool, { slug, name }));
  return {
    fields: { ...project },
    text: `Project ${project.slug} made. A key for it: wayline admin create-key --project ${project.slug}`,
  };
}

export async function createKeyCommand(
  config: Config<'admin'>,
  options: { project: string; name: string; allowImport: boolean },
): Promise<Answer> {
  const [secret] = await secretsOf(config);
  const { name, allowImport } = options;
  return withPool(config, async (pool) => {
    const project = await findProject(pool, options.project);
    const { keyId, key } = await createWriteKey(pool, { projectId: project.id, name, allowImport }, secret);
    return { fields: { project: project.slug, keyId, name, allowImport, key }, text: key };
  });
}

export async function createTokenCommand(
  config: Config<'admin'>,
  options: { project: string; scopes: string; expires: string },
): Promise<Answer> {
  const scopes = parseScopes(options.scopes);
  const expiresInSeconds = parseDuration(options.expires);
  if (expiresInSeconds > MAX_EXPIRES_SECONDS) throw new UsageError('--expires must be at most 3650d.');
  const [secret] = await secretsOf(config);
  const project = await withPool(config, (pool) => findProject(pool, options.project));
  const expiresAt = new Date(Date.now() + expiresInSeconds * 1000).toISOString();
  const token = await signAccessToken(
    { projectId: project.id, subject: 'admin-cli', scopes, expiresInSeconds },
    secret,
  );
  return { fields: { project: project.slug, scopes, expiresAt, token }, text: token };
}

export async function createSecretCommand(file: string): Promise<Answer> {
  const path = resolve(file);
  let made: boolean;
  try {
    made = await makeSecrets(path);
  } catch (error) {
    throw new UsageError(`The secret file ${path} cannot be written: ${messageOf(error)}`);
  }
  return {
    fields: { file: path, made },
    text: made ? `${path} made.` : `${path} is there already; it is left as it is.`,
  };
}

function secretsOf(config: Config<'admin'>): Promise<Secrets> {
  const file = config.secretFile ?? dataFolder(config.dataDir).secretFile;
  return readSecrets(file, tell);
}

function parseScopes(list: string): Scope[] {
  const names = [...new Set(list.split(',').map((name) => name.trim()))];
  const wrong = names.filter((name) => !(SCOPES as readonly string[]).includes(name));
  if (wrong.length > 0)
    throw new UsageError(`--scopes must be of ${SCOPES.join(', ')}; not: ${wrong.join(', ') || '""'}.`);
  return names as Scope[];
}
