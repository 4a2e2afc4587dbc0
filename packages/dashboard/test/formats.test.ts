import { expect, test } from '@jest/globals';
import { counted, dateTime, duration, fromInput, minute } from '../src/formats.ts';

test('a length of time is told in its two greatest units', () => {
  const lengths = [0, 340, 999.6, 12_540, 59_999, 200_000, 3_600_000, 7_500_000, 90_000_000];
  expect(lengths.map(duration)).toEqual([
    '0 ms',
    '340 ms',
    '1 s',
    '12.5 s',
    '59.9 s',
    '3 min 20 s',
    '1 h',
    '2 h 5 min',
    '1 d 1 h',
  ]);
});

test('times are shown in UTC, whatever zone they are given in', () => {
  expect(dateTime('2026-01-31T12:00:00.123+02:00')).toBe('2026-01-31 10:00:00.123');
  expect(minute('2026-01-31T12:00:59Z')).toBe('2026-01-31 12:00');
  expect(dateTime(null)).toBe('–');
});

test('what a time field holds is read as UTC, with or without seconds', () => {
  expect(fromInput('2026-01-31T12:00')).toBe('2026-01-31T12:00:00Z');
  expect(fromInput('2026-01-31T12:00:59')).toBe('2026-01-31T12:00:00Z');
  expect(fromInput('')).toBeUndefined();
});

test('one is not several', () => {
  expect([counted(1, 'event'), counted(2500, 'event')]).toEqual(['1 event', '2,500 events']);
});
