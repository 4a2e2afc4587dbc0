import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { LIMITS, ProblemError } from '@wayline/contracts';
import { decodeText, mediaTypeOf } from '@wayline/http';
import { tooManyEvents } from '../parse-events-body.ts';
import { parseJson } from '../parse-json.ts';
import { decodeHeader } from './decode-header.ts';
import { isJsonType, isTextType } from './media-types.ts';

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

/** CloudEvents as the JSON format writes them, whichever mode they came in; not judged yet. */
export interface CloudEventsBody {
  items: unknown[];
  /** Whether a text of them may hold what plain UTF-8 cannot: NUL, half of a surrogate pair. */
  escaped: boolean;
}

/** Whether a request is one of CloudEvents: by its media type, or because its headers are those of an event. */
export function holdsCloudEvents(headers: IncomingHttpHeaders): boolean {
  return (
    headers['ce-specversion'] !== undefined ||
    headers['ce-id'] !== undefined ||
    headers['ce-type'] !== undefined ||
    /^\s*application\/cloudevents/i.test(headers['content-type'] ?? '')
  );
}

/**
 * The events of a request in structured, batch or binary mode.
 * @throws ProblemError: not JSON where it has to be, no list in a batch, over 2500 events, another format than JSON
 */
export function readCloudEvents(headers: IncomingHttpHeaders, body: Buffer): CloudEventsBody {
  const mediaType = mediaTypeOf(headers['content-type']);
  if (!mediaType.startsWith('application/cloudevents')) {
    return { items: [fromHeaders(headers, mediaType, body)], escaped: true };
  }
  if (mediaType !== STRUCTURED && mediaType !== BATCH) {
    throw new ProblemError(
      'unsupported_media_type',
      `Of CloudEvents' formats JSON is read: ${STRUCTURED} or ${BATCH}.`,
    );
  }
  const text = decodeText(body);
  const value = parseJson(text);
  const escaped = text.includes('\\u');
  if (mediaType === STRUCTURED) return { items: [value], escaped };
  if (!Array.isArray(value)) throw new ProblemError('invalid_request', 'The body of a batch must be a list of events.');
  if (value.length > LIMITS.eventsPerRequest) throw tooManyEvents();
  return { items: value, escaped };
}

/** Binary mode: attributes are headers, and the body is the data alone. */
function fromHeaders(headers: IncomingHttpHeaders, mediaType: string, body: Buffer): Record<string, unknown> {
  const attributes = Object.keys(headers).flatMap((header) =>
    header.startsWith('ce-') ? [[header.slice(3), decodeHeader(String(headers[header]))] as const] : [],
  );
  return {
    ...Object.fromEntries(attributes),
    ...(headers['content-type'] !== undefined && { datacontenttype: headers['content-type'] }),
    ...(body.length > 0 && dataOf(mediaType, body)),
  };
}

function dataOf(mediaType: string, body: Buffer): { data: unknown } | { data_base64: string } {
  if (isJsonType(mediaType)) return { data: parseJson(decodeText(body)) };
  if (isTextType(mediaType) && isUtf8(body)) return { data: decodeText(body) };
  return { data_base64: body.toString('base64') };
}
