import { isUtf8 } from 'node:buffer';

/**
 * The text of a `ce-*` header as the HTTP binding writes it: perhaps quoted, and with bytes of UTF-8 as `%XX`. Bytes of
 * UTF-8 as they are count as well; what is no UTF-8 stays as it was sent.
 * @param header as Node gives it: a character for each byte
 */
export function decodeHeader(header: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/s.exec(header)?.[1];
  const plain = quoted === undefined ? header : quoted.replace(/\\(.)/gs, '$1');
  const unescaped = plain.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const bytes = Buffer.from(unescaped, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : plain;
}
