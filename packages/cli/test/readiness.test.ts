import { expect, test } from '@jest/globals';
import { createReadiness } from '../src/serving/readiness.ts';

test('is ready when every check succeeds, and names the one that does not', async () => {
  let databaseThere = true;
  let nowMs = 0;
  const readiness = createReadiness(
    [
      { name: 'log', check: () => Promise.resolve() },
      { name: 'database', check: () => (databaseThere ? Promise.resolve() : Promise.reject(new Error('away'))) },
    ],
    () => nowMs,
  );
  expect(await readiness()).toEqual({ ready: true, checks: { log: 'ok', database: 'ok' } });
  databaseThere = false;
  nowMs += 1_000;
  expect(await readiness()).toEqual({ ready: false, checks: { log: 'ok', database: 'failing' } });
});

test('asks at most once a second, however often it is asked', async () => {
  let asked = 0;
  let nowMs = 0;
  const readiness = createReadiness([{ name: 'log', check: async () => ++asked }], () => nowMs);
  await Promise.all([readiness(), readiness(), readiness()]);
  nowMs = 999;
  await readiness();
  expect(asked).toBe(1);
  nowMs = 1_000;
  await readiness();
  expect(asked).toBe(2);
});

test('stays ready for the grace after the failing began, and anew after each recovery', async () => {
  let there = false;
  let nowMs = 1_000_000;
  const check = () => (there ? Promise.resolve() : Promise.reject(new Error('away')));
  const readiness = createReadiness([{ name: 'log', check, graceMs: 60_000 }], () => nowMs);
  const at = async (ms: number) => {
    nowMs = ms;
    return (await readiness()).ready;
  };
  expect(await at(1_000_000)).toBe(true);
  expect(await at(1_059_000)).toBe(true);
  expect(await at(1_060_000)).toBe(false);
  there = true;
  expect(await at(1_070_000)).toBe(true);
  there = false;
  expect(await at(1_500_000)).toBe(true);
  expect(await at(1_560_000)).toBe(false);
});

test('takes a check that does not answer for one that fails', async () => {
  const readiness = createReadiness([{ name: 'log', check: () => new Promise(() => undefined) }]);
  expect(await readiness()).toEqual({ ready: false, checks: { log: 'failing' } });
});
