import { type RunIds, writeHex } from './event-ids.ts';

/**
 * Where the bytes of a prepared request say whose its events are and when they were. Requests that are sent again and again
 * as they are would make a few sessions of many thousand events, all at the same few moments: nobody's traffic, and far more
 * work for what is derived of sessions.
 */
export interface LiveParts {
  /** Of each event, where the pass stands in its session's id. */
  sessions: Uint32Array;
  /** Of each event, where its time stands. */
  times: Uint32Array;
}

const PASS_DIGITS = 4;
/** A pass, as it stands at the end of a session's id. */
export const passText = (pass: number): string => (pass % 16 ** PASS_DIGITS).toString(16).padStart(PASS_DIGITS, '0');

const SESSION_TAIL = /("sessionId":"[^"]*)[0-9a-f]{8}"/;
const SESSION = '"sessionId":"';
const TIME = '"occurredAt":"';
/** About as in a load of many senders; so many of a request's events share a millisecond. */
const EVENTS_PER_MS = 10;

/** A line of the workload, its session one of this run alone. */
export function ofThisRun(line: string, { marker }: RunIds): string {
  const tag = marker.replaceAll('-', '').slice(-PASS_DIGITS);
  return line.replace(SESSION_TAIL, `$1${tag}${'0'.repeat(PASS_DIGITS)}"`);
}

export function findLiveParts(bytes: Buffer, count: number): LiveParts {
  const parts = { sessions: new Uint32Array(count), times: new Uint32Array(count) };
  for (let i = 0, at = 0; i < count; i++) {
    const session = bytes.indexOf(SESSION, at, 'latin1') + SESSION.length;
    parts.sessions[i] = bytes.indexOf('"', session, 'latin1') - PASS_DIGITS;
    const time = bytes.indexOf(TIME, session, 'latin1');
    if (time < 0) throw new Error(`A request has ${i} times in place of ${count}`);
    at = time + TIME.length;
    parts.times[i] = at;
  }
  return parts;
}

/**
 * Makes its events those of now, in their order, and of sessions of this pass.
 * @param pass how often all prepared requests were sent before
 */
export function makeLive(bytes: Buffer, { sessions, times }: LiveParts, pass: number, nowMs = Date.now()): void {
  for (const at of sessions) writeHex(bytes, at, PASS_DIGITS, pass);
  let [ms, text] = [0, ''];
  for (let i = 0; i < times.length; i++) {
    const eventMs = nowMs - Math.floor((times.length - 1 - i) / EVENTS_PER_MS);
    if (eventMs !== ms) [ms, text] = [eventMs, new Date(eventMs).toISOString()];
    bytes.write(text, times[i] as number, 'latin1');
  }
}
