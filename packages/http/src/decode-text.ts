import { isAscii, isUtf8 } from 'node:buffer';
import { ProblemError } from '@wayline/contracts';

const BYTE_ORDER_MARK = 0xfeff;

/** The text of a body; a byte order mark before it is cut off. A `ProblemError` where it is not UTF-8. */
export function decodeText(body: Buffer): string {
  if (isAscii(body)) return body.toString('latin1'); // as most are: a copy, and nothing to decode
  if (!isUtf8(body)) throw new ProblemError('invalid_encoding', 'The body is not valid UTF-8.');
  const text = body.toString('utf8');
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}
