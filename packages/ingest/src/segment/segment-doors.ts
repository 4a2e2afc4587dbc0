import { type EventValidator, LIMITS, ProblemError } from '@wayline/contracts';
import { basicUserName, decodeText, mediaTypeOf } from '@wayline/http';
import type { Arrival, Door } from '../arrival.ts';
import { noValidEvents } from '../events-door.ts';
import { isObject } from '../is-object.ts';
import { judgeForeignEvents } from '../judge-foreign-events.ts';
import { tooManyEvents } from '../parse-events-body.ts';
import { parseJson } from '../parse-json.ts';
import { readSkewMs } from '../sent-at.ts';
import { userAgentOf } from '../user-agent.ts';
import type { OtherCredential } from '../write-pipeline.ts';
import { MESSAGE_TYPES, type MessageType } from './message-types.ts';
import { translateMessage } from './translate-message.ts';

/** Segment's clients have their key as user name of Basic, or in the body. */
export const segmentCredential: OtherCredential = {
  inHeaders: basicUserName,
  inBody(body) {
    try {
      const message: unknown = JSON.parse(body.toString());
      if (!isObject(message)) return undefined;
      const [first] = Array.isArray(message.batch) ? (message.batch as unknown[]) : [];
      const key = message.writeKey ?? (isObject(first) ? first.writeKey : undefined);
      return typeof key === 'string' ? key : undefined;
    } catch {
      return undefined;
    }
  },
};

/** Segment's tracking API: paths, and what answers there. Their browser library shortens each to its first letter. */
export function createSegmentDoors(validator: EventValidator): [path: string, door: Door][] {
  const calls = [...MESSAGE_TYPES, 'batch' as const];
  return calls.flatMap((call) => {
    const door = createSegmentDoor(validator, call);
    return [
      [`/v1/${call}`, door],
      [`/v1/${call[0]}`, door],
    ];
  });
}

function createSegmentDoor(validator: EventValidator, call: MessageType | 'batch'): Door {
  return (arrival) => {
    const { principal, receivedMs, window, headers, allowTraits = false } = arrival;
    const { projectId } = principal;
    const { text, body } = readBody(arrival);
    const items = call === 'batch' ? messagesOf(body) : [body];
    const shared = call === 'batch' && isObject(body.context) ? body.context : {};
    const { records, rejected } = judgeForeignEvents(
      {
        items,
        translate: (item) =>
          translateMessage(item, {
            projectId,
            receivedMs,
            allowTraits,
            type: call === 'batch' ? undefined : call,
            sharedContext: shared,
          }),
      },
      {
        validator,
        projectId,
        receivedMs,
        skewMs: readSkewMs(receivedMs, headers, (call === 'batch' ? body.sentAt : undefined) ?? undefined),
        window,
        bodyBytes: arrival.body.length,
        escaped: text.includes('\\u'),
        userAgent: userAgentOf(headers['user-agent']),
      },
    );
    if (records.length === 0) throw noValidEvents(rejected);
    return { records, status: 200, answer: { success: true, ...(rejected.length > 0 && { rejected }) } };
  };
}

function readBody({ headers, body }: Arrival): { text: string; body: Record<string, unknown> } {
  // Whatever type it claims to be: RudderStack's library says that its compressed JSON is a form.
  mediaTypeOf(headers['content-type']);
  const text = decodeText(body);
  const value = parseJson(text);
  if (isObject(value)) return { text, body: value };
  throw new ProblemError('invalid_request', 'The body must be a JSON object.');
}

function messagesOf({ batch }: Record<string, unknown>): unknown[] {
  if (!Array.isArray(batch)) throw new ProblemError('invalid_request', '`/batch` must be a list of messages.');
  if (batch.length > LIMITS.eventsPerRequest) throw tooManyEvents();
  return batch;
}
