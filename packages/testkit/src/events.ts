import { randomUUID } from 'node:crypto';
import { type IdentifiedEvent, uuidV7, type WaylineEvent } from '@wayline/contracts';

/** A session id that no other test has. */
const randomSession = (): string => `session-${randomUUID()}`;

/** The least that a valid event needs, in a session of its own unless one is given. */
export function minimalEvent(fields: Partial<WaylineEvent> = {}): WaylineEvent {
  return { sessionId: randomSession(), type: 'pageVisit', ...fields };
}

/** An event with its id and time, as a well-behaved client sends it. */
export function identifiedEvent(fields: Partial<WaylineEvent> = {}): IdentifiedEvent {
  const now = Date.now();
  return { eventId: uuidV7(now), occurredAt: new Date(now).toISOString(), ...minimalEvent(fields) };
}

/** So many events of one session, in order, a second apart, numbered by `seq` from 0. The first is at `startMs`. */
export function sessionEvents(
  count: number,
  fields: Partial<WaylineEvent> = {},
  startMs = Date.now(),
): IdentifiedEvent[] {
  const sessionId = fields.sessionId ?? randomSession();
  return Array.from({ length: count }, (_, seq) => {
    const atMs = startMs + seq * 1000;
    const source = { kind: 'app', name: 'shop' } as const;
    return { eventId: uuidV7(atMs), ...minimalEvent({ sessionId, occurredAt: atMs, source, seq, ...fields }) };
  });
}
