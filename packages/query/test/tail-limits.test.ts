import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { TAIL_LIMITS } from '../src/tail/tail-limits.ts';

test('A10: a sign of life comes as often as docs/api.md says, sooner than any proxy gives up', () => {
  const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
  expect(page).toContain(`| each ${TAIL_LIMITS.heartbeatMs / 1_000} s: a sign of life, and the place |`);
  expect(TAIL_LIMITS.heartbeatMs).toBeLessThan(30_000);
});
