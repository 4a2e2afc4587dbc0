import { expect, test } from '@jest/globals';
import type { StoredEvent } from '../src/api.ts';
import { findGaps } from '../src/parts/find-gaps.ts';

const event = (eventId: string, name: string, seq?: number) =>
  ({ eventId, seq, source: { kind: 'app', name } }) as StoredEvent;

test('T12: numbers that are missing are told where they are missed, for each source by itself', () => {
  const events = [
    event('a', 'shop', 0),
    event('b', 'pay', 7),
    event('c', 'shop', 1),
    event('d', 'shop', 4),
    event('e', 'pay', 8),
  ];
  expect([...findGaps(events)]).toEqual([['d', 2]]);
});

test('T12: events without a number, late ones and repeated ones are no gap', () => {
  const events = [
    event('a', 'shop', 3),
    event('b', 'shop'),
    event('c', 'shop', 2),
    event('d', 'shop', 3),
    event('e', 'shop', 4),
  ];
  expect([...findGaps(events)]).toEqual([]);
});
