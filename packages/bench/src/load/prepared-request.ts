import { generateEvents } from '@wayline/testkit';
import { COUNTER_DIGITS, type RunIds, writeCounter } from './event-ids.ts';

/** A whole HTTP request, head and body; only the counters of its events' ids change from one sending to the next. */
export interface PreparedRequest {
  bytes: Buffer;
  /** Where in `bytes` the counters stand, in the order of the events. */
  counters: Uint32Array;
}

export interface PrepareOptions {
  /** So many different requests, of events that follow one another. */
  count: number;
  eventsPerRequest: number;
  writeKey: string;
  port: number;
}

/** Half an hour ago: inside the window of every key. */
const AGE_MS = 1_800_000;

export function prepareRequests(ids: RunIds, options: PrepareOptions): PreparedRequest[] {
  const { count, eventsPerRequest } = options;
  const start = new Date(Date.now() - AGE_MS).toISOString();
  const lines = [...generateEvents({ count: count * eventsPerRequest, start, hours: 0.25 })];
  return Array.from({ length: count }, (_, i) =>
    prepareRequest(lines.slice(i * eventsPerRequest, (i + 1) * eventsPerRequest), ids, options),
  );
}

function prepareRequest(lines: string[], { prefix }: RunIds, { writeKey, port }: PrepareOptions): PreparedRequest {
  const id = `"eventId":"${prefix}${'0'.repeat(COUNTER_DIGITS)}"`;
  const events = lines.map((line) => line.replace(/"eventId":"[^"]+"/, id));
  const body = events.length === 1 ? (events[0] as string) : `[${events.join(',')}]`;
  const head = [
    'POST /v1/events HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${writeKey}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const bytes = Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
  const counters = new Uint32Array(events.length);
  for (let i = 0, at = 0; i < events.length; i++) {
    at = bytes.indexOf(prefix, at, 'latin1') + prefix.length;
    counters[i] = at;
  }
  return { bytes, counters };
}

/** One of its own for each request in flight: its bytes are the socket's until the answer. */
export function copyRequest({ bytes, counters }: PreparedRequest): PreparedRequest {
  return { bytes: Buffer.from(bytes), counters };
}

/** Gives the events of the request number `sequence` their ids. */
export function numberEvents({ bytes, counters }: PreparedRequest, sequence: number): void {
  const first = sequence * counters.length;
  for (let i = 0; i < counters.length; i++) writeCounter(bytes, counters[i] as number, first + i);
}
