import type { StoredEvent, StoredSession } from '@wayline/store';
import { isoTime } from '../iso-time.ts';

/** An `opentelemetry.proto.common.v1.KeyValue`, as OTLP/JSON has it. */
export interface OtlpAttribute {
  key: string;
  value: { stringValue: string } | { intValue: string } | { doubleValue: number };
}

type Value = string | number | undefined | null;

/** Texts, doubles; what is absent is left out. */
export function attributes(values: Readonly<Record<string, Value>>): OtlpAttribute[] {
  return Object.entries(values).flatMap(([key, value]) => {
    if (value === undefined || value === null) return [];
    return [{ key, value: typeof value === 'number' ? { doubleValue: value } : { stringValue: value } }];
  });
}

/** 64-bit integers travel as decimal texts. */
export function integers(values: Readonly<Record<string, number | undefined>>): OtlpAttribute[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: { intValue: String(value) } }],
  );
}

/** Epoch ms as OTLP has times: nanoseconds, as a decimal text. */
export const nanoseconds = (ms: number): string => `${ms}000000`;

/** What a span event says beside its name and time. Names of OpenTelemetry's conventions where there is one, else our own. */
export function eventAttributes(event: StoredEvent): OtlpAttribute[] {
  return [
    ...attributes({
      'wayline.event.id': event.eventId,
      'wayline.namespace': event.namespace,
      'wayline.target': event.target,
      'wayline.page': event.page,
      'wayline.referrer': event.referrer,
      'wayline.value': event.value,
      'wayline.context': event.context,
      'wayline.occurred_at': isoTime(event.occurredMs),
      'wayline.received_at': isoTime(event.receivedMs),
      'user.id': event.userId,
      'wayline.anonymous.id': event.anonymousId,
      'wayline.machine.id': event.machineId,
      'wayline.platform': event.platform,
      'user_agent.original': event.userAgent,
    }),
    ...integers({ 'wayline.seq': event.seq, 'wayline.skew_ms': event.skewMs === 0 ? undefined : event.skewMs }),
  ];
}

export function sessionAttributes(session: StoredSession, events: number): OtlpAttribute[] {
  return [
    ...attributes({
      'session.id': session.sessionId,
      'session.previous_id': session.previousSessionId,
      'user.id': session.userId,
      'wayline.machine.id': session.machineId,
      'wayline.platform': session.platform,
    }),
    ...integers({ 'wayline.session.events': events }),
  ];
}
