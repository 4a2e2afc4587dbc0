import type { WaylineEvent } from '@wayline/contracts';

/** The event as a `track` message, as Segment's libraries write one; what has no place there is left out (docs/doors.md). */
export function asSegmentMessage(event: WaylineEvent): object {
  const { eventId, sessionId, type, occurredAt, userId, anonymousId, machineId, userAgent, source, page, value } =
    event;
  const isApp = source?.kind === 'app';
  return {
    type: 'track',
    messageId: eventId,
    event: type,
    userId,
    anonymousId,
    timestamp: occurredAt,
    properties: { ...event.context, value },
    context: {
      sessionId,
      app: { name: source?.name, version: source?.version },
      ...(isApp && { device: { id: machineId }, page: { path: page, referrer: event.referrer }, userAgent }),
      library: { name: '@segment/analytics-node', version: '3.1.0' },
    },
  };
}
