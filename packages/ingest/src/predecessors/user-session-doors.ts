import { type EventError, isUuid, ProblemError, uuidV7 } from '@wayline/contracts';
import type { Arrival, Door, Verdict } from '../arrival.ts';
import type { SessionDoors } from '../sessions-door.ts';
import { textField } from './field-errors.ts';
import { readObject } from './read-object.ts';
import { isSession, sessionCookie, sessionOfCookie } from './session-cookie.ts';

export interface UserSessionDoors {
  /** `POST /session` `{userId}` */
  start: Door;
  /** `POST /session/refresh` `{userId, sessionId?}`: continues the session that is named, else that of the cookie. */
  refresh: Door;
}

/** The sessions of users as a predecessor had them, by the doors for sessions. */
export function createUserSessionDoors({ start, refresh }: Pick<SessionDoors, 'start' | 'refresh'>): UserSessionDoors {
  return {
    start: (arrival) => begin(start, arrival, readUser(arrival).userId),
    refresh(arrival) {
      const { userId, sessionId = sessionOfCookie(arrival.headers) } = readUser(arrival);
      // A client that lost its session altogether begins another.
      return sessionId === undefined
        ? begin(start, arrival, userId)
        : begin(refresh, { ...arrival, sessionId }, userId);
    },
  };
}

function begin(door: Door, arrival: Arrival, userId: string): Verdict {
  const sessionId = uuidV7(arrival.receivedMs);
  const { records } = door({
    ...arrival,
    headers: { ...arrival.headers, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify({ sessionId, userId })),
  });
  return { records, status: 201, answer: { userId, activeSessionId: sessionId }, headers: sessionCookie(sessionId) };
}

function readUser(arrival: Arrival): { userId: string; sessionId?: string } {
  const body = readObject(arrival);
  const errors: EventError[] = [];
  const userId = textField(body, 'userId', errors);
  if (userId !== '' && !isUuid(userId)) {
    errors.push({ pointer: '/userId', code: 'invalid_format', message: 'must be a UUID' });
  }
  const { sessionId } = body;
  const named = typeof sessionId === 'string' && sessionId !== '' ? sessionId : undefined;
  if (named !== undefined && !isSession(named)) {
    errors.push({ pointer: '/sessionId', code: 'invalid_format', message: 'is not the id of a session' });
  }
  if (errors.length === 0) return { userId, ...(named !== undefined && { sessionId: named }) };
  throw new ProblemError('invalid_request', 'The body is not valid; `errors` says why.', {
    errors: errors.map((error) => ({ index: 0, ...error })),
  });
}
