import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createVerifier, formatWriteKey, signAccessToken } from '@wayline/identity/verify';

const SECRET = 'a-secret-of-this-test-of-40-characters-00';
const verifier = createVerifier({ secrets: [SECRET] });
const key = formatWriteKey({ projectId: 7, keyId: 'k1', allowImport: true }, SECRET);

const refusalOf = async (credential: string | undefined) => {
  const error = await verifier.authenticate(credential).then(
    () => undefined,
    (error: { problem?: object }) => error,
  );
  return error?.problem as { code: string; status: number; detail: string } | undefined;
};

afterEach(() => {
  jest.useRealTimers();
});

describe('the verifier', () => {
  test('takes write keys, which may write and nothing else', async () => {
    const principal = {
      kind: 'key',
      projectId: 7,
      id: 'k1',
      scopes: new Set(['write']),
      allowImport: true,
    };
    expect(await verifier.authenticate(key)).toEqual(principal);
    expect(await verifier.authenticate(key)).toEqual(principal); // known by now
    expect(verifier.writeKey(key)).toEqual(principal);
    expect(verifier.writeKey(key.replace('wlk_7', 'wlk_8'))).toBeUndefined();
  });

  test('takes access tokens, which have their own scopes', async () => {
    const token = await signAccessToken(
      { projectId: 3, subject: 'a', scopes: ['read', 'admin'], expiresInSeconds: 60 },
      SECRET,
    );
    expect(await verifier.authenticate(token)).toMatchObject({ kind: 'token', projectId: 3 });
    expect(verifier.writeKey(token)).toBeUndefined();
  });

  test('refuses a token that it knows from when it has expired', async () => {
    const begin = new Date('2026-11-20T12:00:00Z');
    jest.useFakeTimers({ now: begin, doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setTimeout'] });
    const token = await signAccessToken({ projectId: 3, subject: 'a', scopes: ['read'], expiresInSeconds: 60 }, SECRET);
    for (const afterMs of [0, 59_999]) {
      jest.setSystemTime(begin.getTime() + afterMs);
      expect(await verifier.authenticate(token)).toMatchObject({ kind: 'token', projectId: 3 });
    }
    jest.setSystemTime(begin.getTime() + 60_000);
    for (let times = 0; times < 2; times++) expect(await refusalOf(token)).toMatchObject({ status: 401 });
    expect((await refusalOf(token))?.detail).toContain('expired');
  });

  test('refuses all else with 401 and what to do', async () => {
    const expired = await signAccessToken({ projectId: 3, subject: 'a', scopes: [], expiresInSeconds: -1 }, SECRET);
    expect(await refusalOf(undefined)).toMatchObject({ status: 401, detail: expect.stringContaining('Bearer') });
    expect(await refusalOf('')).toMatchObject({ status: 401 });
    expect(await refusalOf(`${key}0`)).toMatchObject({ status: 401, detail: expect.stringContaining('create-key') });
    expect(await refusalOf('nonsense')).toMatchObject({ status: 401, detail: expect.stringContaining('create-token') });
    expect(await refusalOf(expired)).toMatchObject({ status: 401, detail: expect.stringContaining('expired') });
  });

  test('keeps its head with more keys than it remembers', async () => {
    for (let i = 1; i <= 2500; i++) {
      const one = formatWriteKey({ projectId: i, keyId: 'k', allowImport: false }, SECRET);
      expect(verifier.writeKey(one)?.projectId).toBe(i);
    }
    expect(verifier.writeKey(key)?.projectId).toBe(7);
  });

  test.each([[[]], [['short']], [[SECRET, 'short']]])('does not start with the secrets %j', (secrets) => {
    expect(() => createVerifier({ secrets })).toThrow('32 characters');
  });
});
