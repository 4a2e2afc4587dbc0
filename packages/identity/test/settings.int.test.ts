import { beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { migrate, type Pool } from '@wayline/store';
import {
  changeKey,
  changeProject,
  createProject,
  createWriteKey,
  ensureWriteKey,
  findKey,
  findProject,
  keySettings,
  listKeys,
  type Project,
  type ProjectChanges,
  projectSettings,
  revokeKey,
  type WriteKey,
} from '../src/index.ts';
import { identityDatabase, SECRET } from './identity-database.ts';

const database = identityDatabase();
let pool: Pool;
let project: Project;
let key: WriteKey;
let projects = 0;

beforeAll(() => {
  ({ pool } = database());
});
beforeEach(async () => {
  project = await createProject(pool, { slug: `shop-${projects++}`, name: 'Shop' });
  key = await createWriteKey(pool, { projectId: project.id, name: 'web', allowImport: false }, SECRET);
});

const stored = async (settingKey: string) =>
  (
    await pool.query<{ value: object; version: number }>('SELECT value, version FROM settings WHERE key = $1', [
      settingKey,
    ])
  ).rows[0];

describe('settings of a project', () => {
  test('a new project is told to the log, with its name', async () => {
    expect((await stored(`project:${project.id}`))?.value).toEqual({ slug: project.slug, name: 'Shop' });
  });

  test('what is named changes, null takes away, the rest stays; every change has a higher version', async () => {
    const all: ProjectChanges = {
      retentionDays: 30,
      pastDays: 7,
      origins: ['https://Shop.example/', 'https://*.shop.example', 'http://localhost:3000'],
      requestsPerSecond: 0.5,
      eventsPerSecond: 1000,
      bodyBytes: 100_000,
      allowTraits: true,
    };
    const first = {
      slug: project.slug,
      name: 'Shop',
      ...all,
      origins: ['https://shop.example', 'https://*.shop.example', 'http://localhost:3000'],
    };
    expect(await changeProject(pool, project, all)).toEqual(first);
    const before = await stored(`project:${project.id}`);
    const { pastDays: _, ...rest } = first;
    expect(await changeProject(pool, project, { pastDays: null, eventsPerSecond: 5 })).toEqual({
      ...rest,
      eventsPerSecond: 5,
    });
    expect(await projectSettings(pool, project)).toEqual({ ...rest, eventsPerSecond: 5 });
    expect((await stored(`project:${project.id}`))?.version).toBeGreaterThan(
      before?.version ?? Number.POSITIVE_INFINITY,
    );
  });

  test('a project that is closed keeps the time at which it was, until it is opened again', async () => {
    const { disabledAt } = await changeProject(pool, project, { disabled: true });
    expect(disabledAt).toBeGreaterThan(Date.now() - 60_000);
    expect(await changeProject(pool, project, { disabled: true })).toMatchObject({ disabledAt });
    expect(await changeProject(pool, project, { disabled: false })).not.toHaveProperty('disabledAt');
  });

  test('its name changes for people too', async () => {
    expect(await changeProject(pool, project, { name: 'The shop' })).toMatchObject({ name: 'The shop' });
    expect((await findProject(pool, project.slug)).name).toBe('The shop');
  });

  test.each<[ProjectChanges]>([
    [{ retentionDays: 0 }],
    [{ retentionDays: 1.5 }],
    [{ pastDays: 40_000 }],
    [{ requestsPerSecond: 0 }],
    [{ requestsPerSecond: Number.NaN }],
    [{ eventsPerSecond: 2_000_000 }],
    [{ bodyBytes: 10 }],
    [{ bodyBytes: 9 * 1024 * 1024 }],
    [{ origins: [] }],
    [{ origins: ['shop.example'] }],
    [{ origins: ['https://shop.example/path'] }],
    [{ origins: ['https://user@shop.example'] }],
    [{ origins: ['https://shop.*.example'] }],
    [{ origins: ['*'] }],
    [{ origins: ['https://'] }],
    [{ origins: ['null'] }],
  ])('a value that cannot be is refused with a sentence, and nothing changes: %j', async (changes) => {
    const before = await stored(`project:${project.id}`);
    await expect(changeProject(pool, project, { ...changes, name: 'Another' })).rejects.toMatchObject({
      name: 'IdentityError',
      code: 'invalid_setting',
    });
    expect(await stored(`project:${project.id}`)).toEqual(before);
    expect((await findProject(pool, project.slug)).name).toBe('Shop');
  });
});

describe('keys', () => {
  test('have settings of their own', async () => {
    expect(await keySettings(pool, key)).toEqual({});
    expect(await changeKey(pool, key, { eventsPerSecond: 5, origins: ['https://a.example'] })).toEqual({
      eventsPerSecond: 5,
      origins: ['https://a.example'],
    });
    expect(await changeKey(pool, key, { origins: null })).toEqual({ eventsPerSecond: 5 });
  });

  test('I2: are revoked once, for good; the row and what is told to the log say the same', async () => {
    const revokedAt = await revokeKey(pool, key);
    expect(await revokeKey(pool, key)).toBe(revokedAt);
    expect((await stored(`key:${project.id}:${key.keyId}`))?.value).toEqual({ revokedAt });
    expect(await listKeys(pool, project)).toMatchObject([{ keyId: key.keyId, name: 'web', revokedAt }]);
    await changeKey(pool, key, { eventsPerSecond: 5 });
    expect(await keySettings(pool, key)).toMatchObject({ revokedAt });
  });

  test('that were revoked are not given out again', async () => {
    await revokeKey(pool, key);
    const wanted = { projectId: project.id, name: 'web', allowImport: false };
    expect((await ensureWriteKey(pool, wanted, SECRET)).keyId).not.toBe(key.keyId);
  });

  test('are found by their text and by their id, in any project or the one that is named', async () => {
    const other = await createProject(pool, { slug: `other-${projects++}` });
    expect(await findKey(pool, key.key)).toMatchObject({ keyId: key.keyId, revokedAt: null });
    expect(await findKey(pool, ` ${key.keyId} `)).toMatchObject({ projectId: project.id });
    expect(await findKey(pool, key.keyId, project)).toMatchObject({ projectId: project.id });
    for (const wrong of [() => findKey(pool, key.keyId, other), () => findKey(pool, 'nothing')]) {
      await expect(wrong()).rejects.toMatchObject({ name: 'IdentityError', code: 'unknown_key' });
    }
    await expect(revokeKey(pool, { projectId: other.id, keyId: key.keyId })).rejects.toMatchObject({
      code: 'unknown_key',
    });
  });

  test('with one id in two projects must be named with the project', async () => {
    const other = await createProject(pool, { slug: `other-${projects++}` });
    await pool.query('INSERT INTO write_keys (project_id, key_id, name) VALUES ($1, $2, $3)', [
      other.id,
      key.keyId,
      'same',
    ]);
    await expect(findKey(pool, key.keyId)).rejects.toThrow('name the project');
    expect(await findKey(pool, key.keyId, other)).toMatchObject({ name: 'same' });
    expect(await findKey(pool, key.key)).toMatchObject({ name: 'web' });
  });
});

test('the migration tells the log of projects that were there before, and of keys that were revoked', async () => {
  const { id } = project;
  await pool.query("UPDATE write_keys SET revoked_at = '2026-01-02T03:04:05.678Z' WHERE key_id = $1", [key.keyId]);
  for (let undone: string[] = ['']; undone.length > 0 && !undone[0]?.includes('settings'); ) {
    undone = (await migrate({ url: database().url, direction: 'down' })).applied;
  }
  await migrate({ url: database().url });
  expect((await stored(`project:${id}`))?.value).toEqual({ slug: project.slug, name: 'Shop' });
  expect((await stored(`key:${id}:${key.keyId}`))?.value).toEqual({
    revokedAt: Date.parse('2026-01-02T03:04:05.678Z'),
  });
  const { rows } = await pool.query<{ ok: boolean }>(
    'SELECT (SELECT max(version) FROM settings) = (SELECT version FROM settings_version) AS ok',
  );
  expect(rows[0]?.ok).toBe(true);
});
