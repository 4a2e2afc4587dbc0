import type { EventError, EventValidator } from '@wayline/contracts';
import type { Door } from '../arrival.ts';
import { dayOf, derivedSession } from '../derived-session.ts';
import type { PointerTable } from '../judge-foreign-events.ts';
import { notAllowed, textField, wrongType } from './field-errors.ts';
import { judgeOne } from './judge-one.ts';
import { readObject } from './read-object.ts';
import { sessionOfCookie } from './session-cookie.ts';

const ACTIONS = ['pageVisit', 'objectInView', 'objectInteraction'];
const POINTERS: PointerTable = [
  ['/type', '/action'],
  ['/page', '/origin'],
  ['/target', '/origin'],
  ['/context', ''],
];

/**
 * `POST /track` `{userId, action, origin?, sessionId?}`. The origin is the page of a visit, and else the object. Other
 * fields go into `context`.
 */
export function createActionDoor(validator: EventValidator): Door {
  return (arrival) => {
    const body = readObject(arrival);
    const { userId: _userId, action: _action, origin, sessionId: named, ...others } = body;
    const errors: EventError[] = [];
    const userId = textField(body, 'userId', errors);
    const type = textField(body, 'action', errors);
    if (type !== '' && !ACTIONS.includes(type)) errors.push(notAllowed('action', ACTIONS));
    if (!isTextOrNone(origin)) errors.push(wrongType('origin', 'string'));
    if (!isTextOrNone(named)) errors.push(wrongType('sessionId', 'string'));

    const sessionId =
      named || sessionOfCookie(arrival.headers) || derivedSession('legacy', userId, dayOf(arrival.receivedMs));
    const place = type === 'pageVisit' ? { page: origin } : { target: origin };
    const event = {
      sessionId,
      type,
      userId,
      ...(typeof origin === 'string' && origin !== '' && place),
      ...(Object.keys(others).length > 0 && { context: others }),
    };
    const records = judgeOne({ event, errors, pointers: POINTERS }, arrival, validator);
    return { records, status: 202, answer: { userId, activeSessionId: sessionId } };
  };
}

const isTextOrNone = (value: unknown): boolean => value === undefined || value === null || typeof value === 'string';
