import type { StoredEvent } from '@wayline/store';
import { isoTime } from './iso-time.ts';
import { createTimeTeller } from './time-teller.ts';

/**
 * An event as the API tells it, as JSON text: `context` stands in it character by character as it was stored.
 * @param tell default: `isoTime`, which is the slower the more events there are
 */
export function eventJson(event: StoredEvent, tell: (ms: number) => string = isoTime): string {
  const { context } = event;
  const head = JSON.stringify({
    eventId: event.eventId,
    sessionId: event.sessionId,
    type: event.type,
    namespace: event.namespace,
    occurredAt: tell(event.occurredMs),
    correctedAt: tell(event.correctedMs),
    receivedAt: tell(event.receivedMs),
    skewMs: event.skewMs === 0 ? undefined : event.skewMs,
    userId: event.userId,
    anonymousId: event.anonymousId,
    machineId: event.machineId,
    platform: event.platform,
    source: event.source,
    target: event.target,
    page: event.page,
    referrer: event.referrer,
    userAgent: event.userAgent,
    value: event.value,
    seq: event.seq,
  });
  return context === undefined ? head : `${head.slice(0, -1)},"context":${context}}`;
}

/** A list of events, and what else belongs into the answer. */
export function eventsJson(
  events: readonly StoredEvent[],
  rest: { nextCursor: string | null; gaps?: object[] },
): string {
  const tell = createTimeTeller();
  return `{"events":[${events.map((event) => eventJson(event, tell)).join(',')}],${JSON.stringify(rest).slice(1)}`;
}
