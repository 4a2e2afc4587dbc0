import { expect, test } from '@jest/globals';
import { restAfter } from '../src/rest-after.ts';

const calm = { isDone: false, isBehind: false, busyShare: 0 };

test.each([
  { what: 'four fifths of the time are worked while nothing is written', workedMs: 1_000, restMs: 250 },
  { what: 'a fifth while batches are written all the time', workedMs: 1_000, busyShare: 1, restMs: 4_000 },
  { what: 'in between where they are for half of it', workedMs: 1_000, busyShare: 0.5, restMs: 2_125 },
  { what: 'a twenty-fifth while there is a backlog', workedMs: 1_000, isBehind: true, restMs: 24_000 },
  {
    what: 'a pass that found its end is followed by the next when it is time',
    workedMs: 3,
    isDone: true,
    restMs: 2_000,
  },
  { what: 'a long one, too', workedMs: 1_000, isDone: true, busyShare: 1, restMs: 4_000 },
  { what: 'nor is it looked more often behind a backlog', workedMs: 3, isDone: true, isBehind: true, restMs: 2_000 },
])('$what', ({ what: _, workedMs, restMs, ...beside }) => {
  expect(restAfter(workedMs, { everyMs: 2_000, ...calm, ...beside })).toBe(restMs);
});
