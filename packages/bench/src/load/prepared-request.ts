import { generateEvents } from '@wayline/testkit';
import { FRAME_BEGIN, formOf, type LoadDoor } from './door-form.ts';
import { COUNTER_DIGITS, type RunIds, writeCounter } from './event-ids.ts';
import { findLiveParts, type LiveParts, makeLive, ofThisRun } from './live-events.ts';
import { frameOf, maskInPlace } from './stream-frame.ts';

/** A whole HTTP request, or frame; the counters of its events' ids change from one sending to the next, and what is live. */
export interface PreparedRequest {
  bytes: Buffer;
  /** Where in `bytes` the counters stand, in the order of the events. */
  counters: Uint32Array;
  /** Of a frame: where its id stands. Its text, with the counters, is masked. */
  frameId?: number;
  live?: LiveParts;
}

export interface PrepareOptions {
  /** So many different requests, of events that follow one another. */
  count: number;
  eventsPerRequest: number;
  writeKey: string;
  port: number;
  /** Default `events`. */
  door?: LoadDoor;
  /** Events of now, of sessions that end; only at the door `events`. Default: the same sessions at the same times again. */
  live?: boolean;
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

function prepareRequest(lines: string[], ids: RunIds, options: PrepareOptions): PreparedRequest {
  const { prefix } = ids;
  const { door = 'events', live = false } = options;
  const id = `"eventId":"${prefix}${'0'.repeat(COUNTER_DIGITS)}"`;
  const numbered = lines.map((line) => line.replace(/"eventId":"[^"]+"/, id));
  const body = formOf(door).bodyOf(live ? numbered.map((line) => ofThisRun(line, ids)) : numbered);
  if (door !== 'stream') {
    const bytes = Buffer.from(`${headOf(body, { ...options, door })}\r\n\r\n${body}`);
    const request = { bytes, counters: findCounters(bytes, prefix, lines.length) };
    return live ? { ...request, live: findLiveParts(bytes, lines.length) } : request;
  }
  const text = Buffer.from(body);
  const { bytes, textAt } = frameOf(text);
  const counters = findCounters(text, prefix, lines.length).map((at) => at + textAt);
  return { bytes, counters, frameId: textAt + FRAME_BEGIN.length };
}

function headOf(body: string, { door, port, writeKey }: PrepareOptions & { door: LoadDoor }): string {
  const { path, contentType, authorization } = formOf(door);
  return [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `Authorization: ${authorization(writeKey)}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ].join('\r\n');
}

function findCounters(bytes: Buffer, prefix: string, count: number): Uint32Array {
  const counters = new Uint32Array(count);
  for (let i = 0, at = 0; i < count; i++) {
    const found = bytes.indexOf(prefix, at, 'latin1');
    if (found < 0) throw new Error(`A request has ${i} ids in place of ${count}`);
    at = found + prefix.length;
    counters[i] = at;
  }
  return counters;
}

/** One of its own for each request in flight: its bytes are the socket's until the answer. */
export function copyRequest(request: PreparedRequest): PreparedRequest {
  return { ...request, bytes: Buffer.from(request.bytes) };
}

/**
 * Gives the events of the request number `sequence` their ids, and a frame that number.
 * @param pass how often all prepared requests were sent before, for what is live
 */
export function numberEvents(
  { bytes, counters, frameId, live }: PreparedRequest,
  sequence: number,
  pass = 0,
  nowMs?: number,
): void {
  const first = sequence * counters.length;
  for (let i = 0; i < counters.length; i++) writeCounter(bytes, counters[i] as number, first + i);
  if (live) makeLive(bytes, live, pass, nowMs);
  if (frameId === undefined) return;
  writeCounter(bytes, frameId, sequence);
  maskInPlace(bytes, frameId, COUNTER_DIGITS);
  for (const at of counters) maskInPlace(bytes, at, COUNTER_DIGITS);
}
