import { expect, test } from '@jest/globals';
import { sourceKey, spanIdOf, traceIdOf } from '../src/export/trace-ids.ts';

test('A5: the ids of a session are the same in every release: other tracers keep links to them', () => {
  const session = { projectId: 1, sessionId: 's-1' };
  const shop = sourceKey({ kind: 'app', name: 'shop', version: '1.2.0', instance: undefined });
  expect(traceIdOf(session)).toBe('239f1114df69244db12d9823124d29a2');
  expect(spanIdOf(session, '')).toBe('0840f5c4d7133b67');
  expect(spanIdOf(session, shop)).toBe('1b465a9b0dcc3bf9');
});
