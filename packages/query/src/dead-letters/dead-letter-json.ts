import { isUtf8 } from 'node:buffer';
import { KEY_HEADER, type LoggedEvent, readRecordValue, TOPICS } from '@wayline/contracts';
import type { DeadLetterCause, ListedDeadLetter, StoredDeadLetter } from '@wayline/store';
import { isoTime } from '../iso-time.ts';
import type { ReplayResult } from './replay-letters.ts';

const optionalTime = (ms: number | null): string | null => (ms === null ? null : isoTime(ms));

/** A dead letter as a list tells it. Ids are texts: nobody shall count with them. */
export function toListed(letter: ListedDeadLetter): object {
  const { id, state, code, detail, cause, eventId, sessionId, logId, topic, partition, offset } = letter;
  return {
    id: String(id),
    state,
    code,
    detail,
    cause,
    eventId,
    sessionId,
    logId,
    topic,
    partition,
    offset,
    logTime: isoTime(letter.logMs),
    createdAt: isoTime(letter.createdMs),
    replayedAt: optionalTime(letter.replayedMs),
    discardedAt: optionalTime(letter.discardedMs),
  };
}

/**
 * A dead letter with its bytes. `event`: what an edited copy would take the place of, null where it cannot be read.
 * `replay`: the event that it was, or is being, replayed as.
 */
export function toShown(letter: StoredDeadLetter): object {
  const { key, value, headers, replayValue, topic } = letter;
  return {
    ...toListed(letter),
    record: {
      key: key && toBytes(key),
      value: value && toBytes(value),
      headers: Object.fromEntries(Object.entries(headers).map(redacted)),
    },
    event: eventIn(value, topic),
    replay: replayValue && (JSON.parse(replayValue.toString()) as LoggedEvent).event,
  };
}

export function toCause({ firstMs, lastMs, exampleId, ...cause }: DeadLetterCause): object {
  return { ...cause, firstAt: isoTime(firstMs), lastAt: isoTime(lastMs), exampleId: String(exampleId) };
}

/** @param whole with the event, where it is one that would be replayed */
export function toResult(result: ReplayResult, whole = false): object {
  const { outcome } = result;
  const id = String(result.id);
  if (outcome === 'refused') return { id, outcome, errors: result.errors };
  const { eventId, sessionId } = result.event;
  return {
    id,
    outcome,
    eventId,
    sessionId,
    ...(outcome === 'replayed' && { replayedAt: isoTime(result.replayedMs) }),
    ...(whole && { event: result.event }),
  };
}

/** The text that the bytes are, else base64. */
function toBytes(bytes: Buffer): object {
  return isUtf8(bytes)
    ? { bytes: bytes.length, text: bytes.toString() }
    : { bytes: bytes.length, base64: bytes.toString('base64') };
}

/** What a write key ends with, without which it is of no use. */
const SIGNATURE = /(wlk_\d+_[0-9a-z]+_wi?_)[0-9a-f]+/g;

function redacted([name, text]: [string, string]): [string, string] {
  const without = text.replace(SIGNATURE, '$1…');
  const isKey = name.toLowerCase() === KEY_HEADER;
  return [name, isKey && without === text ? '…' : without];
}

function eventIn(value: Buffer | null, topic: string): unknown {
  const parsed = readRecordValue(value);
  if ('refused' in parsed) return null;
  if (topic === TOPICS.direct) return parsed.json;
  return (parsed.json as { event?: unknown } | null)?.event ?? null;
}
