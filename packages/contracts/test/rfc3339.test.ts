import { describe, expect, test } from '@jest/globals';
import { parseRfc3339 } from '@wayline/contracts';
import fc from 'fast-check';

const asIso = (text: string): string | undefined => {
  const ms = parseRfc3339(text);
  return ms === undefined ? undefined : new Date(ms).toISOString();
};

describe('RFC 3339 times in all permitted forms', () => {
  test.each([
    ['2026-01-05T12:00:00Z', '2026-01-05T12:00:00.000Z'],
    ['2026-01-05t12:00:00z', '2026-01-05T12:00:00.000Z'],
    ['2026-01-05 12:00:00Z', '2026-01-05T12:00:00.000Z'],
    ['2026-01-05T12:00:00+00:00', '2026-01-05T12:00:00.000Z'],
    ['2026-01-05T12:00:00-00:00', '2026-01-05T12:00:00.000Z'],
    ['2026-01-05T12:00:00+05:30', '2026-01-05T06:30:00.000Z'],
    ['2026-01-05T12:00:00-03:30', '2026-01-05T15:30:00.000Z'],
    ['2026-01-01T00:00:00+23:59', '2025-12-31T00:01:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['0099-12-31T23:59:59Z', '0099-12-31T23:59:59.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is %s', (text, iso) => expect(asIso(text)).toBe(iso));

  test.each([
    ['.1', 100],
    ['.12', 120],
    ['.123', 123],
    ['.1239', 123],
    ['.123456', 123],
    ['.999999999', 999],
    ['.0009', 0],
    ['.000000000000000000000000001', 0],
  ])('digits below a millisecond are cut off: %s', (fraction, ms) =>
    expect(parseRfc3339(`1970-01-01T00:00:00${fraction}Z`)).toBe(ms),
  );

  test.each([
    ['2024-02-29T00:00:00Z', true],
    ['2000-02-29T00:00:00Z', true],
    ['2400-02-29T00:00:00Z', true],
    ['0000-02-29T00:00:00Z', true],
    ['2023-02-29T00:00:00Z', false],
    ['1900-02-29T00:00:00Z', false],
    ['2100-02-29T00:00:00Z', false],
    ['2026-04-31T00:00:00Z', false],
    ['2026-12-31T00:00:00Z', true],
  ])('the calendar has %s: %s', (text, exists) => expect(parseRfc3339(text) !== undefined).toBe(exists));

  test('a leap second, in the last minute of a UTC day, is the first instant after it', () => {
    expect(asIso('2016-12-31T23:59:60Z')).toBe('2017-01-01T00:00:00.000Z');
    expect(asIso('2016-12-31T23:59:60.999Z')).toBe('2017-01-01T00:00:00.000Z');
    expect(asIso('2017-01-01T05:29:60+05:30')).toBe('2017-01-01T00:00:00.000Z');
    expect(asIso('2016-12-31T22:59:60Z')).toBeUndefined();
    expect(asIso('2016-12-31T23:59:60+01:00')).toBeUndefined();
    expect(asIso('2016-12-31T23:59:61Z')).toBeUndefined();
  });

  test.each([
    '',
    '2026',
    '2026-01-05',
    '2026-01-05T12:00Z',
    '2026-01-05T12:00:00',
    '2026-01-05T12:00:00.Z',
    '2026-01-05T12:00:00,5Z',
    '2026-01-05T12:00:00 Z',
    '2026-01-05T12:00:00+0530',
    '2026-01-05T12:00:00+05',
    '2026-01-05T12:00:00+24:00',
    '2026-01-05T12:00:00+05:60',
    '2026-01-05T24:00:00Z',
    '2026-01-05T12:60:00Z',
    '2026-00-05T12:00:00Z',
    '2026-13-05T12:00:00Z',
    '2026-01-00T12:00:00Z',
    '2026-01-32T12:00:00Z',
    '2026-1-5T12:00:00Z',
    '26-01-05T12:00:00Z',
    '+002026-01-05T12:00:00Z',
    'abcd-01-05T12:00:00Z',
    '2026/01/05T12:00:00Z',
    '2026-01-05_12:00:00Z',
    '2026-01-05T12.00.00Z',
    ' 2026-01-05T12:00:00Z',
    '2026-01-05T12:00:00Z ',
    '2026-01-05T12:00:00ZZ',
    '２０２６-01-05T12:00:00Z',
    '1767614400000',
    'Mon, 05 Jan 2026 12:00:00 GMT',
  ])('%j is none', (text) => expect(parseRfc3339(text)).toBeUndefined());

  test('every instant that can be written is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: -62_167_219_200_000, max: 253_402_300_799_999 }), (ms) => {
        expect(parseRfc3339(new Date(ms).toISOString())).toBe(ms);
      }),
    );
  });

  test('no text makes it throw, or answer what is no instant', () => {
    const parts = fc.constantFrom(
      '2026',
      '-01',
      '-31',
      'T',
      't',
      ' ',
      '23',
      ':59',
      ':60',
      '.5',
      'Z',
      '+05:30',
      'x',
      '',
    );
    fc.assert(
      fc.property(
        fc.array(parts).map((all) => all.join('')),
        (text) => {
          const ms = parseRfc3339(text);
          expect(ms === undefined || Number.isSafeInteger(ms)).toBe(true);
        },
      ),
    );
  });
});
