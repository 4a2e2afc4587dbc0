import type { EventError, EventValidator } from '@wayline/contracts';
import type { Door } from '../arrival.ts';
import { derivedSession, hourOf } from '../derived-session.ts';
import type { PointerTable } from '../judge-foreign-events.ts';
import { missingField, textField, timeField, wrongType } from './field-errors.ts';
import { judgeOne } from './judge-one.ts';
import { readObject } from './read-object.ts';

const POINTERS: PointerTable = [
  ['/type', '/name'],
  ['/occurredAt', '/timestamp'],
  ['/context', ''],
];

/** `POST /api/track/` `{namespace, name, timestamp, value}`: a number of a series. Other fields go into `context`. */
export function createMeasurementDoor(validator: EventValidator): Door {
  return (arrival) => {
    const body = readObject(arrival);
    const { namespace: _namespace, name: _name, timestamp: _timestamp, value, ...others } = body;
    const errors: EventError[] = [];
    const namespace = textField(body, 'namespace', errors);
    const type = textField(body, 'name', errors);
    const occurredAt = timeField(body, 'timestamp', errors);
    if (value === undefined || value === null) errors.push(missingField('value'));
    else if (typeof value !== 'number') errors.push(wrongType('value', 'number'));
    const sessionId = derivedSession('legacy', namespace, type, hourOf(occurredAt));
    const context = Object.keys(others).length > 0 && { context: others };
    const event = { sessionId, type, namespace, occurredAt, value, ...context };
    return { records: judgeOne({ event, errors, pointers: POINTERS }, arrival, validator), status: 201, answer: body };
  };
}
