import {
  type EventError,
  type EventValidator,
  type IdentifiedEvent,
  isUuid,
  type LoggedEvent,
  normalizeOccurredAt,
  type TimeWindow,
  timeError,
  uuidV7,
  type WaylineEvent,
} from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import { createRecordMaker } from './event-record.ts';
import { PLACE } from './locate-items.ts';
import type { EventsBody } from './parse-events-body.ts';
import { fillUserAgent } from './user-agent.ts';

/** What is known of a request beside its body. */
export interface JudgeOptions {
  validator: EventValidator;
  projectId: number;
  /** When the request's head arrived, epoch ms. */
  receivedMs: number;
  /** receivedAt − sentAt where that is over the tolerance, else 0. */
  skewMs: number;
  window: TimeWindow;
  /** Of the body, inflated. */
  bodyBytes: number;
  /** Whether the text of the body has `\u` escapes. */
  escaped: boolean;
  /** The session in the address: events must name it or none. */
  sessionId?: string;
  userAgent?: string;
}

export interface RejectedEvent {
  /** Place in the request, from 0. */
  index: number;
  /** The sender's, if it is a UUID. */
  eventId?: string;
  errors: EventError[];
}

export interface Judgement {
  /** One for each accepted event, in the order of the request. */
  records: NewRecord[];
  rejected: RejectedEvent[];
  /** Ids of the accepted events, in order, if one of them at least was assigned here. */
  ids?: string[];
}

/**
 * Judges each event of a request apart, and makes the records of those that are good. Pure, but for the random bits of
 * the ids that it assigns; it changes the items.
 */
export function judgeEvents(body: EventsBody, options: JudgeOptions): Judgement {
  const records: NewRecord[] = [];
  const rejected: RejectedEvent[] = [];
  const ids: string[] = [];
  let assigned = false;
  // A session that the address adds would be one more thing to write into each event.
  const written = options.sessionId === undefined ? body.written : undefined;
  const recordOf = createRecordMaker({ bytes: options.bodyBytes, events: body.items.length, written });
  const complete = createCompleter(options);

  for (let index = 0; index < body.items.length; index++) {
    const item = body.items[index];
    const unreadable = body.unreadable?.get(index);
    const errors = unreadable ? [unreadable] : shapeErrors(item, options);
    if (errors.length > 0) {
      rejected.push(rejection(index, item, errors));
      continue;
    }
    const event = item as WaylineEvent;
    const own = event.eventId !== undefined;
    const { logged, added } = complete(event, written?.places[PLACE * index + 2]);
    const late = timeError(logged.event, { receivedMs: options.receivedMs, skewMs: logged.skew ?? 0 }, options.window);
    if (late) {
      rejected.push({ index, ...(own && { eventId: logged.event.eventId }), errors: [late] });
      continue;
    }
    assigned ||= !own;
    ids.push(logged.event.eventId);
    records.push(recordOf(logged, index, added));
    if (body.written) body.items[index] = undefined; // of thousands, what is done with need not live on; other forms look again
  }
  return { records, rejected, ...(assigned && { ids }) };
}

function shapeErrors(item: unknown, { validator, escaped, sessionId }: JudgeOptions): EventError[] {
  const text = { escaped };
  if (sessionId === undefined || typeof item !== 'object' || item === null) return validator.validate(item, text);
  const named = item as { sessionId?: unknown };
  if (named.sessionId === undefined) named.sessionId = sessionId;
  const errors = validator.validate(item, text);
  if (typeof named.sessionId === 'string' && named.sessionId !== sessionId) {
    const message = 'differs from the session in the address; leave it out, or send the event to /v1/events';
    errors.push({ pointer: '/sessionId', code: 'session_mismatch', message });
  }
  return errors;
}

interface Completed {
  logged: LoggedEvent;
  /**
   * What was added to the event as it was written: further members as JSON, a comma before each. Undefined where that is
   * not all that was done to it.
   */
  added: string | undefined;
}

/** Makes of an event what goes into the log: with an id, its time and id in one form. */
function createCompleter({
  projectId,
  receivedMs,
  skewMs,
  userAgent,
}: JudgeOptions): (event: WaylineEvent, members: number | undefined) => Completed {
  let userAgentMember: string | undefined;
  return (event, members) => {
    let skew = skewMs;
    let added: string | undefined = isPlain(event, members) ? '' : undefined;
    if (event.occurredAt !== undefined) {
      const sent = event.occurredAt;
      event.occurredAt = normalizeOccurredAt(sent);
      if (event.occurredAt !== sent) added = undefined;
    } else if (event.eventId === undefined) {
      // No time of the sender's: that of receipt is by our clock, so the sender's clock has no part in it.
      event.occurredAt = new Date(receivedMs).toISOString();
      skew = 0;
      if (added !== undefined) added += `,"occurredAt":"${event.occurredAt}"`;
    }
    if (event.eventId === undefined) {
      event.eventId = uuidV7(receivedMs);
      if (added !== undefined) added += `,"eventId":"${event.eventId}"`;
    } else {
      const sent = event.eventId;
      event.eventId = sent.toLowerCase();
      if (event.eventId !== sent) added = undefined;
    }
    if (fillUserAgent(event, userAgent) && added !== undefined) {
      userAgentMember ??= `,"userAgent":${JSON.stringify(userAgent)}`;
      added += userAgentMember;
    }
    const logged: LoggedEvent = { project: projectId, receivedAt: receivedMs, event: event as IdentifiedEvent };
    if (skew !== 0) logged.skew = skew;
    return { logged, added };
  };
}

/**
 * Whether what is kept as it was written says the same to every reader: -0 is written as 0 by `JSON.stringify`, and of members
 * given twice some readers take the first.
 * @param members in the text
 */
const isPlain = (event: WaylineEvent, members: number | undefined): boolean =>
  !Object.is(event.value, -0) && !Object.is(event.seq, -0) && countMembers(event) === members;

/** With those of the values inside; as deep as the shape allows. */
function countMembers(value: object): number {
  let count = 0;
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    if (typeof member === 'object' && member !== null) count += countMembers(member);
    count++;
  }
  return Array.isArray(value) ? count - value.length : count;
}

function rejection(index: number, item: unknown, errors: EventError[]): RejectedEvent {
  const eventId = (item as { eventId?: unknown } | null | undefined)?.eventId;
  return { index, ...(typeof eventId === 'string' && isUuid(eventId) && { eventId }), errors };
}
