import type { LoggedEvent } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import { PLACE } from './locate-items.ts';
import type { WrittenEvents } from './parse-events-body.ts';

/**
 * The record of a judged event: its session's partition, and the event as it will be read.
 * @param index of the event in its request
 * @param added members that the event as it was written lacks, as JSON with a comma before each; undefined: that text is not
 * the event any more
 */
export type MakeRecord = (logged: LoggedEvent, index: number, added: string | undefined) => NewRecord;

export const eventRecord = (logged: LoggedEvent): NewRecord => ({
  key: logged.event.sessionId,
  value: Buffer.from(JSON.stringify(logged)),
});

/** Small enough that the allocator has one at hand, and that the last one wastes little. */
const CHUNK_BYTES = 64 * 1024;
/** Of a further one, where more came than was expected. */
const LEAST_BYTES = 8 * 1024;
/** What the door adds to an event, about: the project, the time of receipt, an id. */
const ADDED_BYTES = 100;
/** No UTF-16 code unit takes more in UTF-8. */
const LONGEST_UNIT = 3;
/** Of the event, and of what is around it. */
const END = 0x7d;

/**
 * `eventRecord` for the events of one request: their values lie one behind another in a few buffers, of which each is
 * kept until the last of its records is in the log: less than half the cost of a buffer for each. An event that is to be kept
 * as it was written is copied, and not written anew, which would cost four times as much.
 * @param bytes of the request's body
 */
export function createRecordMaker(request: {
  bytes: number;
  events: number;
  written?: WrittenEvents | undefined;
}): MakeRecord {
  const { bytes, events, written } = request;
  let left = bytes + events * ADDED_BYTES;
  let chunk: Buffer | undefined;
  let at = 0;
  let head: Buffer | undefined;
  let skewOfHead = 0;

  /** A chunk with room for so many bytes; the last one is no larger than what is expected to come. */
  function withRoom(needed: number): Buffer {
    if (chunk && at + needed <= chunk.length) return chunk;
    // That of a single event comes out of a common one.
    chunk = events === 1 ? Buffer.allocUnsafe(needed) : Buffer.allocUnsafeSlow(sizeOfNext(needed));
    at = 0;
    return chunk;
  }

  function sizeOfNext(needed: number): number {
    const expected = chunk ? Math.max(left, LEAST_BYTES) : left;
    return Math.max(needed, Math.min(CHUNK_BYTES, expected));
  }

  /** What stands before the event; the same for nearly all of a request. */
  function headOf({ project, receivedAt, skew = 0 }: LoggedEvent): Buffer {
    if (head && skewOfHead === skew) return head;
    const aside = skew === 0 ? '' : `"skew":${skew},`;
    head = Buffer.from(`{"project":${project},"receivedAt":${receivedAt},${aside}"event":`, 'latin1');
    skewOfHead = skew;
    return head;
  }

  /** @param inside the event as it was written, but for its last brace */
  function copied(logged: LoggedEvent, inside: Uint8Array, added: string): NewRecord {
    const before = headOf(logged);
    const addedBytes = added === '' ? 0 : Buffer.byteLength(added);
    const target = withRoom(before.length + inside.length + addedBytes + 2);
    const start = at;
    target.set(before, at);
    target.set(inside, at + before.length);
    at += before.length + inside.length;
    if (addedBytes > 0) at += target.write(added, at);
    target[at++] = END;
    target[at++] = END;
    left -= at - start;
    return { key: logged.event.sessionId, value: target.subarray(start, at) };
  }

  return (logged, index, added) => {
    if (written && added !== undefined) {
      const { bytes: body, places } = written;
      const from = places[PLACE * index] as number;
      const to = places[PLACE * index + 1] as number;
      // Not `Buffer.subarray`, which takes twice as long.
      if (to > 0) return copied(logged, new Uint8Array(body.buffer, body.byteOffset + from, to - from - 1), added);
    }

    if (events === 1) return eventRecord(logged);
    const text = JSON.stringify(logged);
    const fits = chunk && at + LONGEST_UNIT * text.length <= chunk.length;
    const target = withRoom(fits ? 0 : Buffer.byteLength(text));
    const start = at;
    at += target.write(text, at);
    left -= at - start;
    return { key: logged.event.sessionId, value: target.subarray(start, at) };
  };
}
