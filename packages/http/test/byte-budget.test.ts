import { expect, test } from '@jest/globals';
import { createByteBudget } from '../src/index.ts';

test('while it is shut nothing comes in, and what has begun still finds room', () => {
  let isShut = false;
  const budget = createByteBudget(100, { isShut: () => isShut });
  expect(budget.has(60)).toBe(true);
  expect(budget.take(60)).toBe(true);
  isShut = true;
  expect([budget.has(1), budget.scarce]).toEqual([false, true]);
  expect(budget.take(40)).toBe(true);
  isShut = false;
  expect(budget.has(1)).toBe(false); // all of it is held
  budget.give(60);
  expect([budget.has(60), budget.scarce]).toEqual([true, false]);
  expect(budget.has(61)).toBe(false);
});

test('who is slow gives room up where there is none, not where it is shut', () => {
  let clockMs = 0;
  let isShut = true;
  const budget = createByteBudget(100, { isShut: () => isShut, now: () => clockMs });
  let given = 0;
  budget.take(50);
  budget.fill({ bytes: () => 50, giveUp: () => given++ });
  clockMs = 60_000;
  expect([budget.has(60), given]).toEqual([false, 0]);
  isShut = false;
  expect([budget.has(60), given]).toEqual([false, 1]);
});
