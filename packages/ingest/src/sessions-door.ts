import {
  createSessionValidator,
  type EventError,
  type IdentifiedEvent,
  ProblemError,
  type SessionEnd,
  type SessionStart,
  timeError,
  uuidV7,
} from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import { decodeText, mediaTypeOf } from '@wayline/http';
import type { Arrival, Door } from './arrival.ts';
import { eventRecord } from './event-record.ts';
import { type Lifecycle, lifecycleEvent } from './lifecycle-event.ts';
import { parseJson } from './parse-json.ts';
import { readSkewMs } from './sent-at.ts';
import { fillUserAgent, userAgentOf } from './user-agent.ts';

export interface SessionDoors {
  /** `POST /v1/sessions` */
  start: Door;
  /** `POST /v1/sessions/{id}/refresh` */
  refresh: Door;
  /** `POST /v1/sessions/{id}/end` */
  end: Door;
}

/** The doors that begin and end sessions. Compiles their schemas (some ms). */
export function createSessionDoors(): SessionDoors {
  const { validateStart, validateEnd } = createSessionValidator();

  return {
    start(arrival) {
      const body = readSessionBody<SessionStart>(arrival, validateStart);
      const sessionId = body.sessionId ?? uuidV7(arrival.receivedMs);
      const started = lifecycle(arrival, { type: 'sessionStarted', sessionId, at: body.startedAt, body });
      return {
        records: records(arrival, [started], 'startedAt'),
        status: 201,
        answer: { sessionId, startedAt: started.occurredAt ?? new Date(arrival.receivedMs).toISOString() },
      };
    },

    refresh(arrival) {
      const body = readSessionBody<SessionStart>(arrival, validateStart);
      const previousSessionId = sessionOf(arrival);
      const sessionId = body.sessionId ?? uuidV7(arrival.receivedMs);
      if (sessionId === previousSessionId) {
        throw refused([
          { pointer: '/sessionId', code: 'not_allowed', message: 'must differ from the session in the address' },
        ]);
      }
      const at = body.startedAt;
      const events = [
        lifecycle(arrival, { type: 'sessionEnded', sessionId: previousSessionId, reason: 'refreshed', at, body }),
        lifecycle(arrival, { type: 'sessionStarted', sessionId, previousSessionId, at, body }),
      ];
      return {
        records: records(arrival, events, 'startedAt'),
        status: 201,
        answer: { sessionId, previousSessionId },
      };
    },

    end(arrival) {
      const body = readSessionBody<SessionEnd>(arrival, validateEnd);
      const sessionId = sessionOf(arrival);
      const ended = lifecycle(arrival, { type: 'sessionEnded', sessionId, reason: 'ended', at: body.endedAt, body });
      return {
        records: records(arrival, [ended], 'endedAt'),
        status: 202,
        answer: { sessionId, endedAt: ended.occurredAt ?? new Date(arrival.receivedMs).toISOString() },
      };
    },
  };
}

const sessionOf = ({ sessionId }: Arrival): string => {
  if (sessionId === undefined) throw new Error('this door needs a session in its address');
  return sessionId;
};

const refused = (errors: readonly EventError[]): ProblemError =>
  new ProblemError('invalid_request', 'The body is not valid; `errors` says why.', {
    errors: errors.map((error) => ({ index: 0, ...error })),
  });

/** A body may be absent: then it is an empty object. */
function readSessionBody<Body>({ headers, body }: Arrival, validate: (body: unknown) => EventError[]): Body {
  if (body.length === 0) return {} as Body;
  const mediaType = mediaTypeOf(headers['content-type']);
  if (mediaType !== 'application/json' && mediaType !== 'text/plain') {
    throw new ProblemError('unsupported_media_type', 'Content-Type must be application/json.');
  }
  const value = parseJson(decodeText(body));
  const errors = validate(value);
  if (errors.length > 0) throw refused(errors);
  return value as Body;
}

function lifecycle({ principal, headers }: Arrival, what: Omit<Lifecycle, 'projectId'>): IdentifiedEvent {
  const event = lifecycleEvent({ projectId: principal.projectId, ...what });
  fillUserAgent(event, userAgentOf(headers['user-agent']));
  return event;
}

/** @param field of the body, which gave the events their time */
function records(
  { principal, receivedMs, window, headers }: Arrival,
  events: readonly IdentifiedEvent[],
  field: 'startedAt' | 'endedAt',
): NewRecord[] {
  const skewMs = readSkewMs(receivedMs, headers);
  return events.map((event) => {
    const error = timeError(event, { receivedMs, skewMs }, window);
    if (error) throw refused([{ ...error, pointer: `/${field}` }]);
    return eventRecord({
      project: principal.projectId,
      receivedAt: receivedMs,
      ...(skewMs !== 0 && { skew: skewMs }),
      event,
    });
  });
}
