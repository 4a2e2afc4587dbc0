/** An answer of HTTP, as far as it is looked at. */
export interface HttpAnswer {
  status: number;
  headers: ReadonlyMap<string, string>;
  body: Buffer;
}

const END_OF_HEAD = Buffer.from('\r\n\r\n');

/**
 * The answers that stand whole at the beginning of the bytes, and what is left.
 * @throws Error where the bytes are no answer, or one that does not say how long it is
 */
export function readAnswers(bytes: Buffer): { answers: HttpAnswer[]; rest: Buffer } {
  const answers: HttpAnswer[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf(END_OF_HEAD);
    if (end === -1) return { answers, rest };
    const [first = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
    if (!status) throw new Error(`No answer of HTTP: ${JSON.stringify(first.slice(0, 200))}`);
    const headers = new Map(lines.map(split));
    const length = headers.get('content-length');
    const bodiless = status < 200 || status === 204 || status === 304;
    if (length === undefined && !bodiless) throw new Error(`An answer ${status} without a Content-Length`);
    const start = end + END_OF_HEAD.length;
    const body = rest.subarray(start, start + (bodiless ? 0 : Number(length)));
    if (!bodiless && body.length < Number(length)) return { answers, rest };
    answers.push({ status, headers, body: Buffer.from(body) });
    rest = rest.subarray(start + body.length);
  }
}

function split(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
