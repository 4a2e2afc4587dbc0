import { expect, test } from '@jest/globals';
import { Throttle } from '../src/throttle.ts';

const settings = { maxRows: 5000, lingerMs: 10, concurrency: 4, adaptive: true };

test('O4: without a bound nothing waits', () => {
  const throttle = new Throttle(settings);
  throttle.wrote({ rows: 1_000_000, ms: 500 }, 1000);
  expect(throttle.waitMs(1000)).toBe(0);
  expect(throttle.concurrency).toBe(4);
});

test('O4: what was written before there was a bound is no debt once there is one', () => {
  const throttle = new Throttle(settings);
  throttle.wrote({ rows: 1_000_000, ms: 500 }, 1000);
  throttle.change({ ...settings, rowsPerSecond: 1000 });
  expect(throttle.waitMs(1000)).toBe(0);
  throttle.wrote({ rows: 2000, ms: 20 }, 3000);
  expect(throttle.waitMs(3000)).toBe(1000);
});

test('O4: rows a second are kept to over time, however large the transactions are', () => {
  const throttle = new Throttle({ ...settings, rowsPerSecond: 1000 });
  let nowMs = 0;
  let rows = 0;
  for (const size of Array.from({ length: 200 }, (_, i) => [1, 250, 5000, 900][i % 4] as number)) {
    nowMs += throttle.waitMs(nowMs);
    throttle.wrote({ rows: size, ms: 20 }, nowMs);
    rows += size;
  }
  nowMs += throttle.waitMs(nowMs);
  expect(rows / (nowMs / 1000)).toBeGreaterThan(990);
  expect(rows / (nowMs / 1000)).toBeLessThan(1010);
});

test('O4: after a long pause no more than a second’s worth comes at once', () => {
  const throttle = new Throttle({ ...settings, rowsPerSecond: 1000 });
  throttle.wrote({ rows: 2000, ms: 20 }, 3_600_000);
  expect(throttle.waitMs(3_600_000)).toBe(1000);
});

test('O4: the bound can be changed and taken away while it runs', () => {
  const throttle = new Throttle({ ...settings, rowsPerSecond: 10 });
  throttle.wrote({ rows: 1010, ms: 20 }, 0);
  expect(throttle.waitMs(0)).toBe(100_000);
  throttle.change({ ...settings, rowsPerSecond: 1000 });
  expect(throttle.waitMs(0)).toBe(1000);
  throttle.change({ ...settings, concurrency: 7 });
  expect(throttle.waitMs(0)).toBe(0);
  expect(throttle.concurrency).toBe(7);
});

test('O4: it slows down while PostgreSQL is slow, to a tenth at most, and speeds up again', () => {
  const throttle = new Throttle(settings);
  throttle.adapt(true);
  expect(throttle.concurrency).toBe(1);
  throttle.wrote({ rows: 5000, ms: 300 }, 1000);
  expect(throttle.waitMs(1000)).toBeCloseTo(300 / 0.85 - 300);
  for (let i = 0; i < 50; i++) throttle.adapt(true);
  throttle.wrote({ rows: 5000, ms: 300 }, 2000);
  expect(throttle.waitMs(2000)).toBeCloseTo(2700);
  for (let i = 0; i < 32; i++) throttle.adapt(false);
  expect(throttle.pace).toBe(1);
  expect(throttle.concurrency).toBe(4);
});

test('O4: what is not adaptive keeps its pace', () => {
  const throttle = new Throttle({ ...settings, adaptive: false });
  for (let i = 0; i < 10; i++) throttle.adapt(true);
  expect(throttle.pace).toBe(1);
  throttle.change(settings);
  throttle.adapt(true);
  throttle.change({ ...settings, adaptive: false });
  expect(throttle.pace).toBe(1);
});
