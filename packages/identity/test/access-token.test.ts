import { createHmac } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { readAccessToken, SCOPES, signAccessToken, type TokenClaims } from '@wayline/identity/verify';
import { SignJWT, UnsecuredJWT } from 'jose';

const SECRET = 'a-secret-of-this-test-of-40-characters-00';
const OTHER = 'another-secret-of-this-test-40-characters';
const claims: TokenClaims = { projectId: 7, subject: 'analyst', scopes: ['read'], expiresInSeconds: 60 };

/** The key that tokens are signed with, made anew here: a token that is wrong in one thing only must be signed well. */
const signingKey = createHmac('sha256', SECRET).update('wayline access token').digest();

const hourAhead = () => Math.floor(Date.now() / 1000) + 3600;

/** A token that would be valid, but for the claims and header given; undefined leaves a claim out. */
const handMade = (changed: Record<string, unknown> = {}, header = {}, key: Uint8Array = signingKey) =>
  new SignJWT({
    iss: 'wayline',
    aud: 'wayline',
    sub: 'analyst',
    exp: hourAhead(),
    project: 7,
    scope: 'read',
    ...changed,
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
    .sign(key);

describe('I1: an access token', () => {
  test('says whose it is, of which project, what it may do, and until when', async () => {
    const exp = hourAhead();
    expect(await readAccessToken(await handMade({ exp }), [SECRET])).toMatchObject({ expiresMs: exp * 1000 });
    expect(await readAccessToken(await signAccessToken(claims, SECRET), [SECRET])).toEqual({
      kind: 'token',
      projectId: 7,
      id: 'analyst',
      scopes: new Set(['read']),
      allowImport: false,
      expiresMs: expect.any(Number),
    });
  });

  test('may have any of the scopes, and the permission to import', async () => {
    const token = await signAccessToken({ ...claims, scopes: SCOPES, allowImport: true }, SECRET);
    expect(await readAccessToken(token, [SECRET])).toMatchObject({ scopes: new Set(SCOPES), allowImport: true });
    const none = await signAccessToken({ ...claims, scopes: [] }, SECRET);
    expect(await readAccessToken(none, [SECRET])).toMatchObject({ scopes: new Set() });
  });

  test('made here by hand is read, so that the refusals below have one cause each', async () => {
    expect(await readAccessToken(await handMade(), [SECRET])).toMatchObject({ projectId: 7, id: 'analyst' });
  });

  test('scopes that this version does not know are left out', async () => {
    const token = await handMade({ scope: 'read everything readx' });
    expect(await readAccessToken(token, [SECRET])).toMatchObject({ scopes: new Set(['read']) });
  });

  test('that has expired says so', async () => {
    const token = await handMade({ exp: hourAhead() - 3601 });
    expect(await readAccessToken(token, [SECRET])).toBe('expired');
  });

  test.each([
    ['another audience', { aud: 'other' }, {}],
    ['another issuer', { iss: 'other' }, {}],
    ['another type', {}, { typ: 'JWT' }],
    ['another algorithm', {}, { alg: 'HS512' }],
    ['a time in the future to begin at', { nbf: hourAhead() }, {}],
    ['no end', { exp: undefined }, {}],
    ['no subject', { sub: undefined }, {}],
    ['no project', { project: undefined }, {}],
    ['a project that is no number', { project: '7' }, {}],
    ['no scope', { scope: undefined }, {}],
  ])('with %s is not valid', async (_, changed, header) => {
    expect(await readAccessToken(await handMade(changed, header), [SECRET])).toBe('invalid');
  });

  test('without a signature is not valid', async () => {
    const unsigned = new UnsecuredJWT({ project: 7, scope: 'admin' })
      .setIssuer('wayline')
      .setAudience('wayline')
      .setSubject('analyst')
      .setExpirationTime('60 s')
      .encode();
    expect(await readAccessToken(unsigned, [SECRET])).toBe('invalid');
    const [header, payload] = (await signAccessToken(claims, SECRET)).split('.');
    expect(await readAccessToken(`${header}.${payload}.`, [SECRET])).toBe('invalid');
    expect(await readAccessToken(`${header}.${payload}`, [SECRET])).toBe('invalid');
  });

  test('with a changed claim is not valid', async () => {
    const [header, payload, signature] = (await signAccessToken(claims, SECRET)).split('.') as [string, string, string];
    const changed = JSON.parse(Buffer.from(payload, 'base64url').toString());
    changed.scope = 'admin';
    const forged = Buffer.from(JSON.stringify(changed)).toString('base64url');
    expect(await readAccessToken(`${header}.${forged}.${signature}`, [SECRET])).toBe('invalid');
  });

  test.each(['', 'x', 'a.b.c', '..', 'wlk_7_k_w_x'])('%j is none', async (text) => {
    expect(await readAccessToken(text, [SECRET])).toBe('invalid');
  });

  test('of another secret is not valid; while secrets are rotated, tokens of both are', async () => {
    const token = await signAccessToken(claims, SECRET);
    expect(await readAccessToken(token, [OTHER])).toBe('invalid');
    expect(await readAccessToken(token, [OTHER, SECRET])).toMatchObject({ id: 'analyst' });
    expect(await readAccessToken(await signAccessToken(claims, OTHER), [OTHER, SECRET])).toMatchObject({
      id: 'analyst',
    });
  });

  test('cannot be signed with the secret itself: tokens and write keys have keys of their own', async () => {
    const token = await handMade({}, {}, new TextEncoder().encode(SECRET));
    expect(await readAccessToken(token, [SECRET])).toBe('invalid');
  });
});
