import { type EventError, isUuid, uuidV7Time, uuidV8 } from '@wayline/contracts';
import type { ImportEvent, LineListener, Refusal } from './import-event.ts';
import type { InputLine } from './read-lines.ts';

/** More than any valid event takes, however it is escaped. */
export const NDJSON_LINE_BYTES = 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const refused = (line: number, error: EventError): Refusal => ({ line, errors: [error] });

/** The events of NDJSON, in its order. */
export async function* ndjsonEvents(
  blocks: AsyncIterable<InputLine[]>,
  { tally, refuse }: LineListener,
): AsyncGenerator<ImportEvent[]> {
  for await (const block of blocks) {
    const events: ImportEvent[] = [];
    for (const line of block) {
      const event = ndjsonEvent(line);
      if (!event) continue;
      tally.lines++;
      if ('errors' in event) refuse(event);
      else events.push(event);
    }
    tally.events += events.length;
    yield events;
  }
}

/**
 * The event of a line of NDJSON, as it was written: only the API judges it, so that nothing is lost on the way (digits,
 * unknown fields). An event without `eventId` gets one that follows from the line and its number. That makes a second
 * run harmless only where the event says its time, too: an event without a time of its own would be stored under the
 * time of its receipt, and be doubled by a run after the claims of such ids have ended. So it is refused.
 */
function ndjsonEvent({ number, bytes, cut }: InputLine): ImportEvent | Refusal | undefined {
  if (cut) {
    const message = `the line is longer than ${NDJSON_LINE_BYTES} bytes, which no event can be`;
    return refused(number, { pointer: '', code: 'too_long', message });
  }
  let text: string;
  let event: unknown;
  try {
    text = utf8.decode(bytes).trim();
  } catch {
    return refused(number, { pointer: '', code: 'invalid_json', message: 'the line is not valid UTF-8' });
  }
  if (text === '') return undefined;
  try {
    event = JSON.parse(text);
  } catch (error) {
    return refused(number, { pointer: '', code: 'invalid_json', message: (error as SyntaxError).message });
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    return refused(number, { pointer: '', code: 'not_an_object', message: 'a line must hold one event as an object' });
  }
  const { eventId, occurredAt, sessionId } = event as Record<string, unknown>;
  if (occurredAt === undefined && !hasOwnTime(eventId)) {
    const message =
      '`occurredAt` is required for an import, unless `eventId` is a UUIDv7: else a second run would double it';
    return refused(number, { pointer: '/occurredAt', code: 'missing_field', message });
  }
  const json = eventId === undefined ? `{"eventId":"${uuidV8('ndjson', number, text)}",${text.slice(1)}` : text;
  return { line: number, sessionId: String(sessionId), json };
}

const hasOwnTime = (eventId: unknown): boolean =>
  typeof eventId === 'string' && isUuid(eventId) && uuidV7Time(eventId) !== undefined;
