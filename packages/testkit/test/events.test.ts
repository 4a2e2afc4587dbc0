import { expect, test } from '@jest/globals';
import { createEventValidator } from '@wayline/contracts';
import { identifiedEvent, minimalEvent, sessionEvents } from '../src/index.ts';

test('what the builders make is valid, and fields given win', () => {
  const { validate } = createEventValidator();
  for (const event of [minimalEvent(), identifiedEvent(), ...sessionEvents(3)]) expect(validate(event)).toEqual([]);
  expect(minimalEvent({ type: 'click' }).type).toBe('click');
  const events = sessionEvents(3, { sessionId: 's' }, 1000);
  expect(events.map(({ sessionId, occurredAt, seq }) => [sessionId, occurredAt, seq])).toEqual([
    ['s', 1000, 0],
    ['s', 2000, 1],
    ['s', 3000, 2],
  ]);
});
