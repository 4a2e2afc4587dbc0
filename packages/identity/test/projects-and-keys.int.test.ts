import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Pool } from '@wayline/store';
import { createProject, createWriteKey, ensureProject, ensureWriteKey, findProject } from '../src/index.ts';
import { createVerifier } from '../src/verify/index.ts';
import { identityDatabase, SECRET } from './identity-database.ts';

const database = identityDatabase();
let pool: Pool;

beforeAll(() => {
  ({ pool } = database());
});

describe('projects', () => {
  test('are made once, and found by their slug', async () => {
    const made = await createProject(pool, { slug: 'shop-1', name: 'The shop' });
    expect(made).toEqual({ id: expect.any(Number), slug: 'shop-1', name: 'The shop' });
    expect(await findProject(pool, 'shop-1')).toEqual(made);
    await expect(createProject(pool, { slug: 'shop-1' })).rejects.toMatchObject({ code: 'slug_taken' });
    expect((await createProject(pool, { slug: 'nameless' })).name).toBe('nameless');
  });

  test.each(['', 'Shop', '-shop', 'shop-', 'a b', 'ä', 'x'.repeat(64)])('refuse the slug "%s"', async (slug) => {
    await expect(createProject(pool, { slug })).rejects.toMatchObject({ name: 'IdentityError', code: 'invalid_slug' });
  });

  test.each(['', '   ', 'x'.repeat(129)])('refuse the name "%s"', async (name) => {
    await expect(createProject(pool, { slug: 'named', name })).rejects.toMatchObject({ code: 'invalid_name' });
  });

  test('that are unknown are told of with what to do', async () => {
    await expect(findProject(pool, 'nowhere')).rejects.toThrow(
      'There is no project "nowhere"; make it with `wayline admin create-project`.',
    );
  });

  test('several processes that ensure one at once get the same', async () => {
    const wanted = { slug: 'default', name: 'Default' };
    const got = await Promise.all(Array.from({ length: 8 }, () => ensureProject(pool, wanted)));
    expect(new Set(got.map(({ id }) => id)).size).toBe(1);
  });
});

describe('write keys', () => {
  test('I2: carry their project and right, and are genuine to a verifier with the secret, and to no other', async () => {
    const { id: projectId } = await createProject(pool, { slug: 'keys' });
    const { key, keyId } = await createWriteKey(pool, { projectId, name: 'web', allowImport: true }, SECRET);
    const verifier = createVerifier({ secrets: [SECRET] });
    expect(verifier.writeKey(key)).toMatchObject({ kind: 'key', projectId, id: keyId, allowImport: true });
    expect([...(verifier.writeKey(key)?.scopes ?? [])]).toEqual(['write']);
    expect(createVerifier({ secrets: [`${SECRET}2`] }).writeKey(key)).toBeUndefined();

    const { rows } = await pool.query('SELECT name, allow_import, revoked_at FROM write_keys WHERE key_id = $1', [
      keyId,
    ]);
    expect(rows).toEqual([{ name: 'web', allow_import: true, revoked_at: null }]);
  });

  test('that are ensured are the same at every call, until they are revoked', async () => {
    const { id: projectId } = await createProject(pool, { slug: 'ensured' });
    const wanted = { projectId, name: 'development', allowImport: true };
    const first = await ensureWriteKey(pool, wanted, SECRET);
    expect(await ensureWriteKey(pool, wanted, SECRET)).toEqual(first);
    expect((await ensureWriteKey(pool, { ...wanted, allowImport: false }, SECRET)).key).not.toBe(first.key);

    await pool.query('UPDATE write_keys SET revoked_at = now() WHERE key_id = $1', [first.keyId]);
    expect((await ensureWriteKey(pool, wanted, SECRET)).keyId).not.toBe(first.keyId);
  });

  test('need a name', async () => {
    const { id: projectId } = await createProject(pool, { slug: 'unnamed' });
    const unnamed = createWriteKey(pool, { projectId, name: ' ', allowImport: false }, SECRET);
    await expect(unnamed).rejects.toMatchObject({ code: 'invalid_name' });
  });
});
