import { describe, expect, test } from '@jest/globals';
import { clockSkewMs, eventTimes, normalizeOccurredAt, occurredAtMs } from '@wayline/contracts';

const SECOND = 1000;
const HOUR = 3_600 * SECOND;
const RECEIVED = Date.UTC(2026, 0, 5, 12);
const V4 = '9b2f1d3e-8f4a-4c7b-9a51-3d2e1f0a4b5c';
/** Its time is 2023-06-30T04:53:02.294Z. */
const V7 = '01890a5d-ac96-774b-bcce-b302099a8057';
const V7_MS = 0x01890a5dac96;

describe('the skew of a sender is what its clock is off, over 5 s', () => {
  test.each([
    [0, 0],
    [5 * SECOND, 0],
    [-5 * SECOND, 0],
    [5 * SECOND + 1, 5 * SECOND + 1],
    [-5 * SECOND - 1, -5 * SECOND - 1],
    [30 * HOUR, 30 * HOUR],
  ])('receivedAt − sentAt of %d ms gives %d', (difference, skew) => {
    expect(clockSkewMs(RECEIVED, RECEIVED - difference)).toBe(skew);
  });

  test('a sender that does not say when it sent has none', () => {
    expect(clockSkewMs(RECEIVED, undefined)).toBe(0);
  });
});

describe('which times an event has', () => {
  const occurredAt = '2026-01-05T11:00:00.000Z';
  const occurredMs = Date.UTC(2026, 0, 5, 11);

  test('without skew the corrected time is occurredAt', () => {
    expect(eventTimes({ eventId: V4, occurredAt }, RECEIVED, 0)).toEqual({
      keyMs: occurredMs,
      skewMs: 0,
      correctedMs: occurredMs,
      claim: false,
    });
  });

  test.each([
    ['ahead', 10 * 60 * SECOND],
    ['behind', -10 * 60 * SECOND],
    ['12 h off', 12 * HOUR],
  ])('with a clock that is %s, occurredAt stays the key and the skew stands beside it', (_, skew) => {
    expect(eventTimes({ eventId: V4, occurredAt }, RECEIVED, skew)).toEqual({
      keyMs: occurredMs,
      skewMs: skew,
      correctedMs: occurredMs + skew,
      claim: false,
    });
  });

  test.each([12 * HOUR + 1, -12 * HOUR - 1, 24 * HOUR, -24 * HOUR])(
    'over 12 h off (%d ms), the id is claimed too',
    (skew) => {
      expect(eventTimes({ eventId: V4, occurredAt }, RECEIVED, skew)).toEqual({
        keyMs: occurredMs,
        skewMs: skew,
        correctedMs: occurredMs + skew,
        claim: true,
      });
    },
  );

  test.each([24 * HOUR + 1, -24 * HOUR - 1, 20_000 * 24 * HOUR])(
    'over 24 h off (%d ms), the corrected time is stored instead',
    (skew) => {
      expect(eventTimes({ eventId: V4, occurredAt }, RECEIVED, skew)).toEqual({
        keyMs: occurredMs + skew,
        skewMs: 0,
        correctedMs: occurredMs + skew,
        claim: true,
      });
    },
  );

  test('without occurredAt it is the time inside a UUIDv7, corrected likewise', () => {
    expect(eventTimes({ eventId: V7 }, RECEIVED, 0)).toMatchObject({ keyMs: V7_MS, claim: false });
    expect(eventTimes({ eventId: V7 }, RECEIVED, 7 * SECOND)).toMatchObject({
      keyMs: V7_MS,
      skewMs: 7 * SECOND,
      correctedMs: V7_MS + 7 * SECOND,
    });
  });

  test('occurredAt goes before the time inside a UUIDv7', () => {
    expect(eventTimes({ eventId: V7, occurredAt }, RECEIVED, 0).keyMs).toBe(occurredMs);
  });

  test('with neither it is the time of receipt, by our clock, and the id is claimed', () => {
    expect(eventTimes({ eventId: V4 }, RECEIVED, 9 * SECOND)).toEqual({
      keyMs: RECEIVED,
      skewMs: 0,
      correctedMs: RECEIVED,
      claim: true,
    });
  });

  test('a retry has the same key, whenever it comes and however long it was under way', () => {
    const first = eventTimes({ eventId: V4, occurredAt }, RECEIVED, 6 * SECOND);
    const retry = eventTimes({ eventId: V4, occurredAt }, RECEIVED + 3 * HOUR, 9 * HOUR);
    expect(retry.keyMs).toBe(first.keyMs);
  });
});

describe('occurredAt in one form', () => {
  test.each([
    ['2026-01-05T12:00:00.123Z', '2026-01-05T12:00:00.123Z'],
    ['2026-01-05T12:00:00Z', '2026-01-05T12:00:00.000Z'],
    ['2026-01-05t12:00:00.123z', '2026-01-05T12:00:00.123Z'],
    ['2026-01-05 12:00:00.123Z', '2026-01-05T12:00:00.123Z'],
    ['2026-01-05T12:00:00.123456789+05:30', '2026-01-05T06:30:00.123Z'],
    ['2026-01-05T12:00:00.12345Z', '2026-01-05T12:00:00.123Z'],
    ['2016-12-31T23:59:60.123Z', '2017-01-01T00:00:00.000Z'],
    [1_767_614_400_123, '2026-01-05T12:00:00.123Z'],
    [1_767_614_400_123.9, '2026-01-05T12:00:00.123Z'],
    [-0.5, '1969-12-31T23:59:59.999Z'],
    [-62_167_219_200_000, '0000-01-01T00:00:00.000Z'],
  ])('%s becomes %s', (occurredAt, normal) => {
    expect(normalizeOccurredAt(occurredAt)).toBe(normal);
    expect(occurredAtMs(normal)).toBe(occurredAtMs(occurredAt));
  });
});
