import { type EventError, LIMITS, ProblemError } from '@wayline/contracts';
import { type Form, locateItems, type Places } from './locate-items.ts';
import { locateJsonError } from './locate-json-error.ts';
import { parseJson } from './parse-json.ts';

/** The events of a request as they were written: nothing is judged yet. */
export interface EventsBody {
  /** One value for each event, as `JSON.parse` made it. Whoever judges them may change them. */
  items: unknown[];
  /** By index: what is wrong with lines that are not JSON; their item is undefined. */
  unreadable?: ReadonlyMap<number, EventError>;
  /** As written in `{events, sentAt}`; undefined if the body does not say. */
  sentAt?: unknown;
  /** Where the events stand in the body, if they may be kept as they were written. */
  written?: WrittenEvents;
}

export interface WrittenEvents {
  bytes: Buffer;
  places: Places;
}

export const tooManyEvents = () =>
  new ProblemError('too_many_events', `One request may hold ${LIMITS.eventsPerRequest} events; send them in parts.`);

/** One event, a list of events, or `{events, sentAt}`. */
function fromJson(text: string): EventsBody & { kind: Form['kind'] } {
  const value = parseJson(text);
  if (Array.isArray(value)) return { items: value, kind: 'list' };
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'events')) {
    return { items: [value], kind: 'event' };
  }

  const { events, sentAt, ...others } = value as { events: unknown; sentAt?: unknown };
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new ProblemError('invalid_request', `\`/${unknown.slice(0, 128)}\` is not a field of \`{events, sentAt}\`.`);
  }
  if (!Array.isArray(events)) throw new ProblemError('invalid_request', '`/events` must be a list of events.');
  return { items: events, sentAt, kind: 'envelope' };
}

/** A text without `\u` escapes needs not be written anew: `JSON.stringify` would change nothing in it that counts. */
function locateWritten(text: string, bytes: Buffer, form: Form): WrittenEvents | undefined {
  const places = form.count === 0 || text.includes('\\u') ? undefined : locateItems(bytes, form);
  return places && { bytes, places };
}

/** One event a line; empty lines count for nothing. */
function fromLines(text: string): EventsBody {
  const items: unknown[] = [];
  const unreadable = new Map<number, EventError>();
  for (let from = 0, lineNumber = 1; from < text.length; lineNumber++) {
    const newline = text.indexOf('\n', from);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(from, end);
    from = end + 1;
    if (line.trim() === '') continue;
    if (items.length === LIMITS.eventsPerRequest) throw tooManyEvents();
    try {
      items.push(JSON.parse(line));
    } catch {
      const place = locateJsonError(line);
      const message = `is not valid JSON: line ${lineNumber}, column ${place?.column}: ${place?.reason}`;
      unreadable.set(items.length, { pointer: '', code: 'invalid_json', message });
      items.push(undefined);
    }
  }
  return { items, unreadable };
}

/**
 * The events in the text of a body of `POST /v1/events`.
 * @param bytes of the text
 * @throws ProblemError: not JSON, not of a form that may hold events, over 2500 events, another media type
 */
export function parseEventsBody(text: string, mediaType: string, bytes?: Buffer): EventsBody {
  switch (mediaType) {
    case 'application/x-ndjson':
      return fromLines(text);
    case 'application/json':
    case 'text/plain': {
      const { kind, items, sentAt } = fromJson(text);
      if (items.length > LIMITS.eventsPerRequest) throw tooManyEvents();
      return { items, sentAt, written: bytes && locateWritten(text, bytes, { kind, count: items.length }) };
    }
    default:
      throw new ProblemError(
        'unsupported_media_type',
        'Content-Type must be application/json, application/x-ndjson, or text/plain holding JSON.',
      );
  }
}
