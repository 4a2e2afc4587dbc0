import { expect, test } from '@jest/globals';
import { restAfter } from '../src/rest-after.ts';

test.each([
  { what: 'a fifth of the time is worked, at most', workedMs: 1_000, isBehind: false, restMs: 4_000 },
  { what: 'a twenty-fifth while there is a backlog', workedMs: 1_000, isBehind: true, restMs: 24_000 },
  {
    what: 'it is not looked more often than told, however little there was to do',
    workedMs: 3,
    isBehind: false,
    restMs: 2_000,
  },
  { what: 'nor while there is a backlog', workedMs: 3, isBehind: true, restMs: 2_000 },
])('$what', ({ workedMs, isBehind, restMs }) => {
  expect(restAfter(workedMs, { everyMs: 2_000, isBehind })).toBe(restMs);
});
