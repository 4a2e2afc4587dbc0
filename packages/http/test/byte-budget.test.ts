import { expect, test } from '@jest/globals';
import { createByteBudget } from '../src/index.ts';

test('while too much is queued nothing comes in, and what has begun still finds room', () => {
  const budget = createByteBudget(100, { maxQueuedBytes: 40 });
  expect(budget.has(60)).toBe(true);
  expect(budget.take(60)).toBe(true);
  budget.queue(40);
  expect([budget.has(1), budget.scarce]).toEqual([false, true]);
  expect(budget.take(40)).toBe(true);
  budget.unqueue(40);
  expect(budget.has(1)).toBe(false); // all of it is held
  budget.give(60);
  expect([budget.has(60), budget.scarce]).toEqual([true, false]);
  expect(budget.has(61)).toBe(false);
});

test('who is slow gives room up where there is none, not where it is the queue that is full', () => {
  let clockMs = 0;
  const budget = createByteBudget(100, { maxQueuedBytes: 40, now: () => clockMs });
  let given = 0;
  budget.take(50);
  budget.fill({ bytes: () => 50, giveUp: () => given++ });
  clockMs = 60_000;
  budget.queue(50);
  expect([budget.has(1), given]).toEqual([false, 0]);
  budget.unqueue(50);
  expect([budget.has(60), given]).toEqual([false, 1]);
});
