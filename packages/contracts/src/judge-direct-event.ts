import type { WaylineEvent } from './event.generated.ts';
import type { IdentifiedEvent } from './logged-event.ts';
import type { EventError } from './problem.ts';
import { type TimeWindow, timeError } from './time-window.ts';
import { isUuid, uuidV8 } from './uuid.ts';
import type { EventValidator } from './validate-event.ts';

/** Where a record stands in a log. */
export interface RecordPlace {
  logId: string;
  topic: string;
  partition: number;
  offset: number;
}

/** What a record is called whose event has no id of its own: the same each time that it is read. */
export function recordEventId({ logId, topic, partition, offset }: RecordPlace): string {
  return uuidV8(logId, topic, partition, offset);
}

/**
 * Judges the JSON of an event that a service wrote itself: its fields, and its time.
 * @param options.timeMs the record's log time, which is its time of receipt
 * @returns the event, with an id; or what is wrong with it, and its ids as far as they are usable
 */
export function judgeDirectEvent(
  json: unknown,
  options: { validator: EventValidator; place: RecordPlace; timeMs: number; window: TimeWindow },
): { event: IdentifiedEvent } | { errors: EventError[]; event: Partial<IdentifiedEvent> } {
  const { validator, place, timeMs, window } = options;
  const errors = validator.validate(json);
  if (errors.length > 0) return { errors, event: claimedIds(json) };
  const given = json as WaylineEvent;
  const event: IdentifiedEvent = { ...given, eventId: given.eventId?.toLowerCase() ?? recordEventId(place) };
  const late = timeError(event, { receivedMs: timeMs, skewMs: 0 }, window);
  return late ? { errors: [late], event } : { event };
}

/** The ids of an event that is refused, so that it can be found. */
export function claimedIds(json: unknown): Partial<IdentifiedEvent> {
  const { eventId, sessionId } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  return {
    ...(typeof eventId === 'string' && isUuid(eventId) && { eventId: eventId.toLowerCase() }),
    ...(typeof sessionId === 'string' && { sessionId: sessionId.slice(0, 256) }),
  };
}
