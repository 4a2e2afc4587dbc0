import { describe, expect, test } from '@jest/globals';
import { formatWriteKey, readWriteKey } from '@wayline/identity/verify';

const SECRET = 'a-secret-of-this-test-of-40-characters-00';
const OTHER = 'another-secret-of-this-test-40-characters';
const claims = { projectId: 7, keyId: 'k1x2', allowImport: false };
const key = formatWriteKey(claims, SECRET);

describe('I2: a write key carries its project', () => {
  test('its claims come back as they were', () => {
    expect(key).toMatch(/^wlk_7_k1x2_w_[0-9a-f]{32}$/);
    expect(readWriteKey(key, [SECRET])).toEqual(claims);
    const importing = { ...claims, allowImport: true };
    expect(readWriteKey(formatWriteKey(importing, SECRET), [SECRET])).toEqual(importing);
  });

  test('the same claims and secret give the same key, on any day', () => {
    expect(formatWriteKey({ projectId: 1, keyId: 'abc', allowImport: true }, 'x'.repeat(32))).toBe(
      'wlk_1_abc_wi_9997a911141bece7654e1a43924d50fd',
    );
  });

  test.each([
    ['project', key.replace('wlk_7_', 'wlk_8_')],
    ['id', key.replace('_k1x2_', '_k1x3_')],
    ['permission', key.replace('_w_', '_wi_')],
    ['signature', key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')],
  ])('with another %s it is not genuine', (_, tampered) => {
    expect(tampered).not.toBe(key);
    expect(readWriteKey(tampered, [SECRET])).toBeUndefined();
  });

  test.each([
    '',
    'wlk_',
    'wlk_7_k1x2_w_',
    key.slice(0, -1),
    `${key}0`,
    ` ${key}`,
    `${key}\n`,
    key.toUpperCase(),
    key.replace('wlk_7_', 'wlk_07_'),
    key.replace('wlk_7_', 'wlk_0_'),
    key.replace('wlk_7_', 'wlk_-7_'),
    key.replace('_k1x2_', '__'),
    key.replace('_w_', '_i_'),
    `wlk_7_k1x2_w_${'g'.repeat(32)}`,
  ])('%j is no key', (text) => expect(readWriteKey(text, [SECRET])).toBeUndefined());

  test('parts cannot be moved across their borders', () => {
    const one = formatWriteKey({ projectId: 1, keyId: '23', allowImport: false }, SECRET);
    const other = formatWriteKey({ projectId: 12, keyId: '3', allowImport: false }, SECRET);
    expect(one.slice(-32)).not.toBe(other.slice(-32));
  });

  test('another secret does not sign for this one', () => {
    expect(readWriteKey(key, [OTHER])).toBeUndefined();
    expect(readWriteKey(key, [])).toBeUndefined();
  });

  test('while secrets are rotated, keys of both are genuine', () => {
    expect(readWriteKey(key, [OTHER, SECRET])).toEqual(claims);
    expect(readWriteKey(formatWriteKey(claims, OTHER), [OTHER, SECRET])).toEqual(claims);
  });
});
