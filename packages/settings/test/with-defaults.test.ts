import { expect, test } from '@jest/globals';
import { type CallerSettings, emptySettings, withDefaults } from '../src/index.ts';

const own: CallerSettings = { rates: { eventsPerSecond: 5 }, pastDays: 7, origins: ['https://a.example'] };
const view = withDefaults(
  { ...emptySettings(), key: (_, keyId) => (keyId === 'set' ? own : emptySettings().key(1, keyId)) },
  { rates: { eventsPerSecond: 100, requestsPerSecond: 10 }, pastDays: 90 },
);

test('what is set for a key goes before the default, field by field', () => {
  expect(view.key(1, 'set')).toEqual({
    rates: { eventsPerSecond: 5, requestsPerSecond: 10 },
    pastDays: 7,
    origins: ['https://a.example'],
  });
  expect(view.project(1)).toEqual({ rates: { eventsPerSecond: 100, requestsPerSecond: 10 }, pastDays: 90 });
});

test('is made once, not for every request', () => {
  expect(view.key(1, 'set')).toBe(view.key(1, 'set'));
});
