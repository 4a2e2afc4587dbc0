import { expect, test } from '@jest/globals';
import { Throttle } from '../src/throttle.ts';

const calm = { slow: false, askedBy: undefined, behind: false };
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
  throttle.adapt({ ...calm, slow: true });
  expect(throttle.concurrency).toBe(1);
  throttle.wrote({ rows: 5000, ms: 300 }, 1000);
  expect(throttle.waitMs(1000)).toBeCloseTo(300 / 0.85 - 300);
  for (let i = 0; i < 50; i++) throttle.adapt({ ...calm, slow: true });
  throttle.wrote({ rows: 5000, ms: 300 }, 2000);
  expect(throttle.waitMs(2000)).toBeCloseTo(2700);
  for (let i = 0; i < 20; i++) throttle.adapt(calm);
  expect(throttle.pace).toBe(1);
  expect(throttle.concurrency).toBe(4);
});

test('O4: while others ask it gives way at once, in smaller transactions, and takes all again within seconds of looks', () => {
  const throttle = new Throttle({ ...settings, maxRows: 20_000 });
  expect(throttle.maxRows).toBe(20_000);
  throttle.adapt({ ...calm, askedBy: 0 });
  const { pace } = throttle;
  expect(pace).toBeLessThan(0.5);
  expect(throttle.concurrency).toBe(1);
  expect(throttle.maxRows).toBeLessThanOrEqual(5_000);
  for (let i = 0; i < 100; i++) throttle.adapt({ ...calm, askedBy: 0 });
  expect(throttle.pace).toBe(pace);
  for (let i = 0; i < 16; i++) throttle.adapt(calm);
  expect([throttle.pace, throttle.maxRows]).toEqual([1, 20_000]);
});

test('O4: the more others are at work at once, the less it takes, down to a fifth of the time of one transaction at a time', () => {
  const throttle = new Throttle(settings);
  const pace = (askedBy: number) => {
    for (let i = 0; i < 20; i++) throttle.adapt({ ...calm, askedBy });
    return throttle.pace;
  };
  expect([pace(0), pace(0.6), pace(1), pace(50), pace(0)]).toEqual([0.4, 0.25, 0.2, 0.2, 0.4]);
});

test('O4: a lower bound of the rows of a transaction holds while others ask, too', () => {
  const throttle = new Throttle({ ...settings, maxRows: 50 });
  throttle.adapt({ ...calm, askedBy: 0 });
  expect(throttle.maxRows).toBe(50);
});

test('O4: for those who ask it takes no less than what comes in, unless PostgreSQL is slow', () => {
  const throttle = new Throttle(settings);
  throttle.adapt({ ...calm, askedBy: 0 });
  const { pace } = throttle;
  for (let i = 0; i < 20; i++) throttle.adapt({ ...calm, askedBy: 0, behind: true });
  expect(throttle.pace).toBeGreaterThan(0.9);
  for (let i = 0; i < 100; i++) throttle.adapt({ ...calm, askedBy: 0 });
  expect(throttle.pace).toBeCloseTo(pace);
  for (let i = 0; i < 50; i++) throttle.adapt({ slow: true, askedBy: 0, behind: true });
  expect(throttle.pace).toBe(0.1);
});

test('O4: what is not adaptive keeps its pace', () => {
  const large = { ...settings, maxRows: 20_000 };
  const throttle = new Throttle({ ...large, adaptive: false });
  for (let i = 0; i < 10; i++) throttle.adapt({ slow: true, askedBy: 0, behind: false });
  expect([throttle.pace, throttle.maxRows]).toEqual([1, 20_000]);
  throttle.change(large);
  throttle.adapt({ slow: true, askedBy: 0, behind: false });
  throttle.change({ ...large, adaptive: false });
  expect([throttle.pace, throttle.maxRows]).toEqual([1, 20_000]);
});
