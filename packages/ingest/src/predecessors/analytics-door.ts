import type { EventError, EventValidator } from '@wayline/contracts';
import type { Door } from '../arrival.ts';
import { dayOf, derivedSession } from '../derived-session.ts';
import type { PointerTable } from '../judge-foreign-events.ts';
import { notAllowed, textField, timeField } from './field-errors.ts';
import { judgeOne } from './judge-one.ts';

const EVENTS = ['click', 'impression'];
const POINTERS: PointerTable = [
  ['/userId', '/user'],
  ['/type', '/event'],
  ['/occurredAt', '/timestamp'],
];

/** `POST /analytics?timestamp&user&event`: a click or an impression. A body is not looked at. */
export function createAnalyticsDoor(validator: EventValidator): Door {
  return (arrival) => {
    const { url = '' } = arrival;
    const at = url.indexOf('?');
    const query = Object.fromEntries(new URLSearchParams(at === -1 ? '' : url.slice(at + 1)));
    const errors: EventError[] = [];
    const userId = textField(query, 'user', errors);
    const type = textField(query, 'event', errors);
    const occurredAt = timeField(query, 'timestamp', errors);
    if (type !== '' && !EVENTS.includes(type)) errors.push(notAllowed('event', EVENTS));
    const sessionId = derivedSession('legacy', userId, dayOf(occurredAt));
    const event = { sessionId, type, userId, occurredAt };
    return {
      records: judgeOne({ event, errors, pointers: POINTERS }, arrival, validator),
      status: 204,
      answer: undefined,
    };
  };
}
