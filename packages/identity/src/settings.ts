import {
  type KeySetting,
  keySettingKey,
  LIMITS,
  type Limits,
  type ProjectSetting,
  projectSettingKey,
} from '@wayline/contracts';
import { changeSetting, inTransaction, readSetting, renameProject } from '@wayline/store';
import { IdentityError } from './identity-error.ts';
import { type Pool, type Project, requireName } from './projects.ts';

/** Absent: stays as it is; null: back to the default. */
type Changes<T> = { [K in keyof T]?: T[K] | null };
type OriginsAndLimits = Pick<ProjectSetting, 'origins'> & Limits;

export type ProjectChanges = Changes<
  OriginsAndLimits & Pick<ProjectSetting, 'retentionDays' | 'pastDays' | 'allowTraits'>
> & {
  name?: string;
  /** Whether it takes no events from now on. */
  disabled?: boolean;
};
export type KeyChanges = Changes<OriginsAndLimits>;

const MAX_DAYS = 36_500;
const MAX_PER_SECOND = 1_000_000;
const MIN_BODY_BYTES = 1024;
const MAX_ORIGINS = 100;

/**
 * Changes what holds for a project. It reaches the ingest processes through the log, within a minute.
 * @returns all that is set, as it is now
 * @throws IdentityError if a value is not one that can be set; then nothing has changed
 */
export async function changeProject(pool: Pool, { id }: Project, changes: ProjectChanges): Promise<ProjectSetting> {
  const { name, disabled, retentionDays, pastDays, allowTraits } = changes;
  const patch = {
    ...(name !== undefined && { name: requireName(name, 'project') }),
    ...checkedNumber('retentionDays', retentionDays, [1, MAX_DAYS]),
    ...checkedNumber('pastDays', pastDays, [1, MAX_DAYS]),
    ...(allowTraits !== undefined && { allowTraits }),
    ...checkedCommon(changes),
  };
  return inTransaction(pool, async (client) => {
    if (name !== undefined) await renameProject(client, id, name);
    if (disabled === undefined) return changeSetting(client, projectSettingKey(id), patch);
    const { disabledAt = Date.now() } = (await changeSetting(client, projectSettingKey(id), patch)) as ProjectSetting;
    return changeSetting(client, projectSettingKey(id), { disabledAt: disabled ? disabledAt : null });
  });
}

/** What is set for a project. */
export async function projectSettings(pool: Pool, { id }: Project): Promise<ProjectSetting> {
  return readSetting(pool, projectSettingKey(id));
}

/** The same for one key: what is set for it goes before what its project has. */
export async function changeKey(
  pool: Pool,
  { projectId, keyId }: { projectId: number; keyId: string },
  changes: KeyChanges,
): Promise<KeySetting> {
  const patch = checkedCommon(changes);
  return inTransaction(pool, (client) => changeSetting(client, keySettingKey(projectId, keyId), patch));
}

/** What is set for a key itself. */
export async function keySettings(
  pool: Pool,
  { projectId, keyId }: { projectId: number; keyId: string },
): Promise<KeySetting> {
  return readSetting(pool, keySettingKey(projectId, keyId));
}

function checkedCommon({ origins, requestsPerSecond, eventsPerSecond, bodyBytes }: KeyChanges): KeyChanges {
  return {
    ...(origins !== undefined && { origins: origins && checkedOrigins(origins) }),
    ...checkedNumber('requestsPerSecond', requestsPerSecond, [0.01, MAX_PER_SECOND], false),
    ...checkedNumber('eventsPerSecond', eventsPerSecond, [0.01, MAX_PER_SECOND], false),
    ...checkedNumber('bodyBytes', bodyBytes, [MIN_BODY_BYTES, LIMITS.bodyBytes]),
  };
}

function checkedNumber(
  name: string,
  value: number | null | undefined,
  [least, most]: readonly [number, number],
  whole = true,
): Record<string, number | null> {
  if (value === undefined) return {};
  if (value === null) return { [name]: null };
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return { [name]: value };
  throw new IdentityError(
    'invalid_setting',
    `${name} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}, which ${value} is not.`,
  );
}

/** As browsers send them, so that they can be compared as texts. */
function checkedOrigins(origins: readonly string[]): string[] {
  if (origins.length === 0 || origins.length > MAX_ORIGINS) {
    throw new IdentityError(
      'invalid_setting',
      `From 1 to ${MAX_ORIGINS} origins can be allowed, not ${origins.length}.`,
    );
  }
  return [...new Set(origins.map(checkedOrigin))];
}

function checkedOrigin(text: string): string {
  // A star is no letter of a host name: it is put back after the rest was read as an address.
  const [, scheme = '', star = '', rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)(\*\.)?(.+)$/i.exec(text.trim()) ?? [];
  const url = URL.canParse(scheme + rest) ? new URL(scheme + rest) : undefined;
  const origin = url && `${url.protocol}//${star}${url.host}`;
  const plain = url && ['', '/'].includes(url.pathname) && !url.search && !url.hash && !url.username && !url.password;
  if (origin && plain && url.host !== '' && !url.host.includes('*')) return origin;
  throw new IdentityError(
    'invalid_setting',
    `"${text}" is no origin: https://shop.example is one, or https://*.shop.example for all below it.`,
  );
}
