import { type EventError, eventSchema, uuidV8, type WaylineEvent } from '@wayline/contracts';
import { cutText } from './field-text.ts';
import { type AccessLine, parseAccessLine } from './parse-access-line.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import type { InputLine } from './read-lines.ts';

/** What is kept of a line of an access log that is longer; its hash, and so the event's id, is of this beginning. */
export const ACCESS_LINE_BYTES = 1024 * 1024;

/** The event of a request, but for its session, which only the sorted input tells. */
export interface AccessEvent {
  /** Number of its line. */
  line: number;
  timeMs: number;
  /** The same for the same address and user agent. */
  visitor: string;
  event: Omit<WaylineEvent, 'sessionId'>;
  /** A field was longer than an event may hold, and was cut. */
  cut: boolean;
}

export interface AccessEventOptions {
  pseudonyms: Pseudonyms;
  /** Name of the app that the requests were made to. */
  source: string;
}

const { page, referrer, userAgent } = eventSchema.properties;

/** Everything in the event follows from the line, its number and the salt: a second run makes the same events. */
export function accessLogEvent(input: InputLine, { pseudonyms, source }: AccessEventOptions): AccessEvent | EventError {
  const text = input.bytes.toString('latin1');
  const request = parseAccessLine(text);
  if ('code' in request) return request;

  let cut = input.cut;
  function fit(value: string | undefined, limit: { maxLength: number }): string | undefined {
    const fitting = value === undefined ? undefined : cutText(value, limit.maxLength);
    cut ||= fitting !== value;
    return fitting;
  }
  const visitor = pseudonyms.visitor(request.address, request.userAgent);
  const event: AccessEvent['event'] = {
    eventId: uuidV8('access-log', pseudonyms.secret, input.number, text),
    type: 'request',
    namespace: 'access-log',
    occurredAt: new Date(request.timeMs).toISOString(),
    anonymousId: `a-${visitor}`,
    platform: 'web',
    source: { kind: 'app', name: source },
    page: fit(request.path, page),
    referrer: fit(request.referrer, referrer),
    userAgent: fit(request.userAgent, userAgent),
    context: contextOf(request, pseudonyms, (text) => fit(text, page)),
  };
  return { line: input.number, timeMs: request.timeMs, visitor, event, cut };
}

function contextOf(
  { address, method, status, bytes, protocol, oddRequest }: AccessLine,
  pseudonyms: Pseudonyms,
  fit: (text: string | undefined) => string | undefined,
): Record<string, unknown> {
  return { method, status, bytes, protocol, request: fit(oddRequest), client: pseudonyms.client(address) };
}
