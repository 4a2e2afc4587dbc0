import { describe, expect, test } from '@jest/globals';
import { createSessionValidator } from '@wayline/contracts';

const { validateStart, validateEnd } = createSessionValidator();
const codesOf = (errors: { code: string; pointer: string }[]) =>
  errors.map(({ code, pointer }) => `${code} ${pointer}`);

describe('the body of a session', () => {
  const carried = {
    userId: 'u-1',
    machineId: 'm-1',
    platform: 'mobile',
    source: { kind: 'app', name: 'shop', version: '1' },
  };

  test('may say all of the contract, or nothing', () => {
    expect(validateStart({})).toEqual([]);
    expect(validateStart({ sessionId: 's', startedAt: '2026-01-05T12:00:00Z', ...carried })).toEqual([]);
    expect(validateStart({ startedAt: 1_767_614_400_000 })).toEqual([]);
    expect(validateEnd({})).toEqual([]);
    expect(validateEnd({ endedAt: '2026-01-05T12:00:00Z', ...carried })).toEqual([]);
  });

  test('unknown fields are refused with their path', () => {
    expect(validateStart({ startetAt: 1 })).toEqual([
      { pointer: '/startetAt', code: 'unknown_field', message: '`startetAt` is not a field of this request' },
    ]);
    expect(codesOf(validateStart({ endedAt: 1 }))).toEqual(['unknown_field /endedAt']);
    expect(codesOf(validateEnd({ startedAt: 1 }))).toEqual(['unknown_field /startedAt']);
    expect(codesOf(validateEnd({ sessionId: 's' }))).toEqual(['unknown_field /sessionId']);
    expect(codesOf(validateStart({ source: { kind: 'app', name: 'n', x: 1 } }))).toEqual(['unknown_field /source/x']);
    expect(codesOf(validateStart(JSON.parse('{"__proto__":1}')))).toEqual(['unknown_field /__proto__']);
  });

  test('fields have the limits of an event', () => {
    expect(codesOf(validateStart({ sessionId: '' }))).toEqual(['too_short /sessionId']);
    expect(codesOf(validateStart({ sessionId: '𝕏'.repeat(256) }))).toEqual([]);
    expect(codesOf(validateStart({ sessionId: '𝕏'.repeat(257) }))).toEqual(['too_long /sessionId']);
    expect(codesOf(validateStart({ userId: 'u'.repeat(257) }))).toEqual(['too_long /userId']);
    expect(codesOf(validateStart({ platform: 'tv' }))).toEqual(['not_allowed /platform']);
    expect(codesOf(validateStart({ userId: 'a\0' }))).toEqual(['contains_nul /userId']);
    expect(codesOf(validateStart({ userId: '\ud800' }))).toEqual(['lone_surrogate /userId']);
    expect(codesOf(validateStart([]))).toEqual(['not_an_object ']);
    expect(codesOf(validateStart(null))).toEqual(['not_an_object ']);
  });

  test('times are those of an event', () => {
    expect(codesOf(validateStart({ startedAt: 'today' }))).toEqual(['invalid_format /startedAt']);
    expect(codesOf(validateStart({ startedAt: true }))).toEqual(['wrong_type /startedAt']);
    expect(codesOf(validateStart({ startedAt: 1e300 }))).toEqual(['out_of_range /startedAt']);
    expect(codesOf(validateEnd({ endedAt: -1e300 }))).toEqual(['out_of_range /endedAt']);
  });
});
