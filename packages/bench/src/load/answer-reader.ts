export interface Answer {
  status: number;
  /** Of `Retry-After`; undefined where the header is missing. */
  retryAfterSeconds: number | undefined;
  /** Whether the server closes the connection after it. */
  closes: boolean;
  body: string;
}

/**
 * Reads answers of HTTP/1.1 with a `Content-Length`, one after the other, from a connection with one request in flight.
 * It knows only what the benchmarked servers send; it throws at anything else, so that nothing is miscounted.
 */
export class AnswerReader {
  #held = '';

  /** The answer, once its last byte is there. */
  read(chunk: Buffer, length: number): Answer | undefined {
    const text = this.#held + chunk.toString('latin1', 0, length);
    const headEnd = text.indexOf('\r\n\r\n');
    if (headEnd < 0) return this.#hold(text);
    const head = text.slice(0, headEnd + 2).toLowerCase();
    const status = Number(head.slice(9, 12));
    const size = field(head, 'content-length');
    if (!head.startsWith('http/1.1 ') || !(status >= 200) || size === undefined) {
      throw new Error(`An answer is not understood: ${text.slice(0, 300)}`);
    }
    const end = headEnd + 4 + Number(size);
    if (text.length < end) return this.#hold(text);
    if (text.length > end) throw new Error(`More than the answer came: ${text.slice(end, end + 300)}`);
    this.#held = '';
    const retryAfter = field(head, 'retry-after');
    return {
      status,
      retryAfterSeconds: retryAfter === undefined ? undefined : Number(retryAfter),
      closes: field(head, 'connection') === 'close',
      body: text.slice(headEnd + 4),
    };
  }

  #hold(text: string): undefined {
    this.#held = text;
  }
}

/** Of a head in small letters that ends in a line break. */
function field(head: string, name: string): string | undefined {
  const found = head.indexOf(`\r\n${name}:`);
  if (found < 0) return undefined;
  const begin = found + name.length + 3;
  return head.slice(begin, head.indexOf('\r\n', begin)).trim();
}
