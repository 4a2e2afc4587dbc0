import { expect, test } from '@jest/globals';
import { BusyShare } from '../src/busy-share.ts';

test('is the share of the time since it was asked last, however many were under way', () => {
  const busy = new BusyShare();
  const start = performance.now() + 1_000;
  busy.take(start);
  expect(busy.take(start + 100)).toBe(0);
  busy.begin(start + 150);
  busy.begin(start + 160);
  busy.end(start + 170);
  busy.end(start + 175);
  expect(busy.take(start + 200)).toBeCloseTo(0.25);
  busy.begin(start + 250);
  expect(busy.take(start + 300)).toBeCloseTo(0.5);
  expect(busy.take(start + 400)).toBeCloseTo(1);
  expect(busy.take(start + 400)).toBe(1);
  busy.end(start + 400);
  expect(busy.take(start + 500)).toBe(0);
});
