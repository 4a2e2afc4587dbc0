import { ProblemError } from '@wayline/contracts';
import { decodeText, mediaTypeOf } from '@wayline/http';
import type { Arrival } from '../arrival.ts';
import { isObject } from '../is-object.ts';
import { parseJson } from '../parse-json.ts';

/** The JSON object in a body. */
export function readObject({ headers, body }: Arrival): Record<string, unknown> {
  const mediaType = mediaTypeOf(headers['content-type']);
  if (mediaType !== 'application/json' && mediaType !== 'text/plain') {
    throw new ProblemError('unsupported_media_type', 'Content-Type must be application/json.');
  }
  const value = parseJson(decodeText(body));
  if (isObject(value)) return value;
  throw new ProblemError('invalid_request', 'The body must be a JSON object.');
}
