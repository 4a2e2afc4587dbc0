import {
  changeKey,
  changeProject,
  findKey,
  findProject,
  keySettings,
  listKeys,
  projectSettings,
  revokeKey,
} from '@wayline/identity';
import type { Config } from '../config.ts';
import { UsageError } from '../errors.ts';
import { withPool } from '../store-access.ts';
import type { Answer } from './admin.ts';

/** Options as they were given: texts, of which `none` (for origins `any`) takes the setting away. */
export interface LimitOptions {
  origins?: string;
  requestsPerSecond?: string;
  eventsPerSecond?: string;
  bodyBytes?: string;
}

export interface ProjectOptions extends LimitOptions {
  name?: string;
  retentionDays?: string;
  pastDays?: string;
  allowTraits?: string;
  enable?: boolean;
  disable?: boolean;
}

/** Changes what is named, and answers with all that is set. */
export async function setProjectCommand(
  config: Config<'admin'>,
  { slug, options }: { slug: string; options: ProjectOptions },
): Promise<Answer> {
  const { name, retentionDays, pastDays, allowTraits, enable, disable } = options;
  if (enable && disable) throw new UsageError('--enable and --disable cannot be given together.');
  const changes = {
    ...limitChanges(options),
    ...(name !== undefined && { name }),
    ...(retentionDays !== undefined && { retentionDays: amount('--retention-days', retentionDays) }),
    ...(pastDays !== undefined && { pastDays: amount('--past-days', pastDays) }),
    ...(allowTraits !== undefined && { allowTraits: onOrOff('--allow-traits', allowTraits) }),
    ...((enable || disable) && { disabled: disable === true }),
  };
  const changed = Object.keys(changes).length > 0;
  return withPool(config, async (pool) => {
    const project = await findProject(pool, slug);
    const settings = changed ? await changeProject(pool, project, changes) : await projectSettings(pool, project);
    return answer({ project: slug }, settings, changed);
  });
}

/** The same for one key. */
export async function setKeyCommand(
  config: Config<'admin'>,
  { key, project: slug, options }: { key: string; project: string | undefined; options: LimitOptions },
): Promise<Answer> {
  const changes = limitChanges(options);
  const changed = Object.keys(changes).length > 0;
  return withPool(config, async (pool) => {
    const project = slug === undefined ? undefined : await findProject(pool, slug);
    const found = await findKey(pool, key, project);
    const settings = changed ? await changeKey(pool, found, changes) : await keySettings(pool, found);
    return answer({ keyId: found.keyId, name: found.name }, settings, changed);
  });
}

export async function revokeKeyCommand(
  config: Config<'admin'>,
  { key, project: slug }: { key: string; project: string | undefined },
): Promise<Answer> {
  return withPool(config, async (pool) => {
    const project = slug === undefined ? undefined : await findProject(pool, slug);
    const { projectId, keyId, name, revokedAt: before } = await findKey(pool, key, project);
    const revokedAt = new Date(await revokeKey(pool, { projectId, keyId })).toISOString();
    return {
      fields: { keyId, name, revokedAt },
      text:
        before === null
          ? `Key ${keyId} (${name}) is revoked; within a minute it is refused everywhere.`
          : `Key ${keyId} (${name}) was revoked already, at ${revokedAt}.`,
    };
  });
}

export async function listKeysCommand(
  config: Config<'admin'>,
  { project: slug }: { project: string },
): Promise<Answer> {
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  return withPool(config, async (pool) => {
    const project = await findProject(pool, slug);
    const keys = (await listKeys(pool, project)).map(({ keyId, name, allowImport, createdAt, revokedAt }) => ({
      keyId,
      name,
      allowImport,
      createdAt: iso(createdAt),
      revokedAt: iso(revokedAt),
    }));
    const lines = keys.map(({ keyId, name, allowImport, createdAt, revokedAt }) =>
      [keyId, createdAt, revokedAt ? `revoked ${revokedAt}` : 'valid', allowImport ? 'import' : '-', name].join('  '),
    );
    return { fields: { project: slug, keys }, text: lines.join('\n') || `Project ${slug} has no keys.` };
  });
}

function limitChanges({ origins, requestsPerSecond, eventsPerSecond, bodyBytes }: LimitOptions) {
  return {
    ...(origins !== undefined && { origins: origins === 'any' ? null : origins.split(',').map((each) => each.trim()) }),
    ...(requestsPerSecond !== undefined && { requestsPerSecond: amount('--requests-per-second', requestsPerSecond) }),
    ...(eventsPerSecond !== undefined && { eventsPerSecond: amount('--events-per-second', eventsPerSecond) }),
    ...(bodyBytes !== undefined && { bodyBytes: amount('--body-bytes', bodyBytes) }),
  };
}

/** Bounds are checked where the meaning is known; here only that it is a number. */
function amount(option: string, text: string): number | null {
  if (text === 'none') return null;
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new UsageError(`${option} must be a number or "none", which "${text}" is not.`);
}

function onOrOff(option: string, text: string): boolean | null {
  if (text === 'none') return null;
  if (text === 'on' || text === 'off') return text === 'on';
  throw new UsageError(`${option} must be "on" or "off", which "${text}" is not.`);
}

function answer(of: Record<string, string>, settings: object, changed: boolean): Answer {
  const lines = Object.entries(settings).map(([name, value]) => `  ${name}: ${asText(name, value)}`);
  const head = changed ? 'Set; it works within a minute. Now:' : 'Set is:';
  return { fields: { ...of, ...settings }, text: lines.length > 0 ? [head, ...lines].join('\n') : 'Nothing is set.' };
}

function asText(name: string, value: unknown): string {
  if (name.endsWith('At') && typeof value === 'number') return new Date(value).toISOString();
  return Array.isArray(value) ? value.join(', ') : String(value);
}
