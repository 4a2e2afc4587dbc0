import { beforeEach, describe, expect, test } from '@jest/globals';
import { createLogQueue, type LogQueue } from '../src/log-queue.ts';

const MOST = 4_000_000;
const LEAST = MOST / 4;

let nowMs: number;
let workedMs: number;
let queue: LogQueue;

beforeEach(() => {
  nowMs = 0;
  workedMs = 0;
  queue = createLogQueue(MOST, {
    now: () => nowMs,
    eventLoopUtilization: (later?: { active: number }, before?: { active: number; idle: number }) => {
      const active = (later?.active ?? workedMs) - (before?.active ?? 0);
      const idle = nowMs - workedMs - (before?.idle ?? 0);
      return { active, idle, utilization: active / (active + idle || 1) };
    },
  });
});

/** So many ms in which the thread works a part of its time, and so many bytes a ms go through a queue of `waiting`. */
function spend(ms: number, { busy, perMs, waiting }: { busy: number; perMs: number; waiting: number }): boolean {
  let full = false;
  queue.add(waiting);
  for (let i = 0; i < ms / 100; i++) {
    nowMs += 100;
    workedMs += 100 * busy;
    queue.add(perMs * 100);
    queue.remove(perMs * 100);
    full = queue.isFull();
  }
  queue.remove(waiting);
  return full;
}

const QUICK = LEAST / 80;

describe('O5: how much may wait for the log', () => {
  test('nothing is known yet: all that may be in hand', () => {
    queue.add(MOST - 1);
    expect(queue.isFull()).toBe(false);
    queue.add(1);
    expect(queue.isFull()).toBe(true);
  });

  test('what has yet to become records counts as if it waited', () => {
    queue.add(MOST - 2);
    expect(queue.isFull(1)).toBe(false);
    expect(queue.isFull(2)).toBe(true);
  });

  test('where the thread has no time left, a quarter of it; what is less never fills it', () => {
    expect(spend(100, { busy: 1, perMs: QUICK, waiting: LEAST + 1 })).toBe(false); // not at one stroke
    expect(spend(2_000, { busy: 1, perMs: QUICK, waiting: LEAST })).toBe(true);
    expect(spend(2_000, { busy: 1, perMs: QUICK, waiting: LEAST - 1 })).toBe(false);
  });

  test('where the thread has time left, all of it again, within a second', () => {
    expect(spend(2_000, { busy: 1, perMs: QUICK, waiting: LEAST })).toBe(true);
    expect(spend(500, { busy: 0.8, perMs: QUICK, waiting: MOST - 1 })).toBe(false);
  });

  test('after half a second in which it was short, all of it at once, however busy the thread is', () => {
    expect(spend(2_000, { busy: 1, perMs: QUICK, waiting: LEAST })).toBe(true);
    expect(spend(300, { busy: 1, perMs: QUICK, waiting: 0 })).toBe(false);
    expect(spend(100, { busy: 1, perMs: QUICK, waiting: LEAST })).toBe(true);
    expect(spend(400, { busy: 1, perMs: QUICK, waiting: 0 })).toBe(false);
    expect(spend(100, { busy: 1, perMs: QUICK, waiting: MOST - 1 })).toBe(false);
  });

  test('where the log is slow, all of it, however busy the thread is', () => {
    expect(spend(2_000, { busy: 1, perMs: QUICK, waiting: LEAST })).toBe(true);
    expect(spend(500, { busy: 1, perMs: QUICK * 0.9, waiting: MOST - 1 })).toBe(false);
    expect(spend(500, { busy: 1, perMs: 0, waiting: MOST - 1 })).toBe(false);
  });
});
