import { createEventValidator, ProblemError } from '@wayline/contracts';
import { decodeText, mediaTypeOf } from '@wayline/http';
import type { Door } from './arrival.ts';
import { judgeEvents, type RejectedEvent } from './judge-events.ts';
import { parseEventsBody } from './parse-events-body.ts';
import { readSkewMs } from './sent-at.ts';
import { userAgentOf } from './user-agent.ts';

/** `POST /v1/events` and `POST /v1/sessions/{id}/events`. Compiles the event's schema (some ms). */
export function createEventsDoor(): Door {
  const validator = createEventValidator();
  return ({ principal, receivedMs, window, headers, body, sessionId }) => {
    const text = decodeText(body);
    const events = parseEventsBody(text, mediaTypeOf(headers['content-type']), body);
    const { records, rejected, ids } = judgeEvents(events, {
      validator,
      projectId: principal.projectId,
      receivedMs,
      skewMs: readSkewMs(receivedMs, headers, events.sentAt),
      window,
      bodyBytes: body.length,
      escaped: text.includes('\\u'),
      sessionId,
      userAgent: userAgentOf(headers['user-agent']),
    });
    if (records.length === 0) throw noValidEvents(rejected);
    const isPlain = rejected.length === 0 && ids === undefined;
    const accepted = records.length;
    const answer = isPlain ? allAccepted(accepted) : { accepted, rejected, ids };
    return { records, status: 202, answer };
  };
}

/** By their number, which a request bounds. */
const ALL_ACCEPTED: string[] = [];

/** Nearly every answer is this one; `JSON.stringify` takes longer than all the rest of it. Joined, since its pieces would be put together to measure it. */
function allAccepted(accepted: number): string {
  ALL_ACCEPTED[accepted] ??= ['{"accepted":', accepted, ',"rejected":[]}'].join('');
  return ALL_ACCEPTED[accepted];
}

/** The refusal of a request of which nothing was accepted: with all that is wrong with each event. */
export function noValidEvents(rejected: readonly RejectedEvent[]): ProblemError {
  const count = rejected.length;
  const detail =
    count === 0
      ? 'The request holds no event.'
      : `${count === 1 ? 'The event was' : `All ${count} events were`} refused; \`errors\` says why.`;
  const errors = rejected.flatMap(({ index, errors }) => errors.map((error) => ({ index, ...error })));
  return new ProblemError('no_valid_events', detail, { errors });
}
