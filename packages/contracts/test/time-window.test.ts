import { describe, expect, test } from '@jest/globals';
import { timeError, timeWindow } from '@wayline/contracts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RECEIVED = Date.UTC(2026, 0, 5, 12);
const eventId = '9b2f1d3e-8f4a-4c7b-9a51-3d2e1f0a4b5c';
const ordinary = timeWindow(RECEIVED, { allowImport: false });
const importing = timeWindow(RECEIVED, { allowImport: true });

const errorOf = (occurredAt: string | number | undefined, { skewMs = 0, window = ordinary } = {}) =>
  timeError({ eventId, occurredAt }, { receivedMs: RECEIVED, skewMs }, window);

describe('T8: the corrected time must lie in the window', () => {
  test('at most 90 days back', () => {
    expect(errorOf(RECEIVED - 90 * DAY)).toBeUndefined();
    expect(errorOf(RECEIVED - 90 * DAY - 1)).toEqual({
      pointer: '/occurredAt',
      code: 'time_too_old',
      message:
        'corrected to 2025-10-07T11:59:59.999Z, before 2025-10-07T12:00:00.000Z, the earliest that this key may write',
    });
  });

  test('or as many days as are set', () => {
    const window = timeWindow(RECEIVED, { allowImport: false, pastDays: 7 });
    expect(errorOf(RECEIVED - 7 * DAY, { window })).toBeUndefined();
    expect(errorOf(RECEIVED - 7 * DAY - 1, { window })?.code).toBe('time_too_old');
  });

  test('at most 24 hours ahead', () => {
    expect(errorOf(RECEIVED + DAY)).toBeUndefined();
    expect(errorOf(RECEIVED + DAY + 1)).toMatchObject({ pointer: '/occurredAt', code: 'time_too_new' });
  });

  test('a key that allows import may go back to 2000, and no further ahead', () => {
    expect(errorOf('2000-01-01T00:00:00.000Z', { window: importing })).toBeUndefined();
    expect(errorOf('1999-12-31T23:59:59.999Z', { window: importing })?.code).toBe('time_too_old');
    expect(errorOf(RECEIVED + DAY + 1, { window: importing })?.code).toBe('time_too_new');
  });

  test('it is the corrected time that counts, not what the sender wrote', () => {
    const decade = 3650 * DAY;
    expect(errorOf(RECEIVED - decade, { skewMs: decade })).toBeUndefined();
    expect(errorOf(RECEIVED, { skewMs: -decade })?.code).toBe('time_too_old');
    expect(errorOf(RECEIVED, { skewMs: decade })?.code).toBe('time_too_new');
  });

  test('the time inside a UUIDv7 is judged too, and the pointer says so', () => {
    const old = { eventId: '01890a5d-ac96-774b-bcce-b302099a8057' };
    expect(timeError(old, { receivedMs: RECEIVED, skewMs: 0 }, ordinary)).toMatchObject({
      pointer: '/eventId',
      code: 'time_too_old',
    });
  });

  test('an event without any time is always in the window', () => {
    expect(errorOf(undefined, { skewMs: 1e15 })).toBeUndefined();
  });

  test('epoch seconds are recognised, and told', () => {
    expect(errorOf(RECEIVED / 1000)?.message).toContain('looks like epoch seconds, milliseconds are expected');
  });

  test('times that no date can show do not break the message', () => {
    expect(errorOf(RECEIVED, { skewMs: 9e15 })).toMatchObject({ code: 'time_too_new' });
  });
});
