import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createVerifier, formatWriteKey } from '@wayline/identity/verify';
import { createIngest } from '@wayline/ingest';
import { Closers } from '@wayline/testkit';
import { createHttpApp } from '../src/serving/http-app.ts';
import { startHttpServer } from '../src/serving/http-server.ts';
import { createReadiness } from '../src/serving/readiness.ts';

/** Bytes to a port, and the bytes that come back, with the hot path before express and without it. */

const SECRET = 'a-secret-of-this-test-of-40-characters-00';
const KEY = formatWriteKey({ projectId: 1, keyId: 'test', allowImport: false }, SECRET);
const closers = new Closers();
const faults: unknown[] = [];
let ports: number[];

async function startPath(hot: boolean): Promise<number> {
  const logger = { debug() {}, info() {}, warn() {}, error: (fields: object) => void faults.push(fields) };
  const topics = [{ name: TOPICS.events, partitions: 1 }];
  const log = await createEmbeddedLog({ folder: await closers.folder('both-paths'), topics });
  closers.add(() => log.close());
  const ingest = createIngest({ log, logger, verifier: createVerifier({ secrets: [SECRET] }) });
  const readiness = createReadiness([]);
  const app = createHttpApp({
    ...(hot && { hotPath: ingest.hotPath }),
    routers: [ingest.router],
    readiness,
    logger,
  });
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, listener: app });
  server.serve(app, {
    upgrade: (request, socket, head) => ingest.stream.upgrade(request, socket, head),
    ...(hot && { shedder: ingest.shedder }),
  });
  closers.add(() => server.drain(0));
  return Number(new URL(server.url).port);
}

beforeAll(async () => {
  ports = [await startPath(true), await startPath(false)];
});
afterAll(async () => {
  await closers.closeAll();
});

const EVENT = JSON.stringify({
  eventId: '9b2f1d3e-8f4a-4c7b-9a51-3d2e1f0a4b5c',
  sessionId: 's-1',
  type: 'click',
  occurredAt: new Date().toISOString(),
});

interface Written {
  line?: string;
  /** Lines of the head beside those that every request has; of a name that is among those, in their place. */
  head?: readonly string[];
  /** Names of those that are left out. */
  without?: readonly string[];
  body?: string | Buffer;
}

/** A request as it goes over the wire; its length is told unless a line of the head tells of it. */
function written({ line = 'POST /v1/events HTTP/1.1', head = [], without = [], body = EVENT }: Written = {}): Buffer {
  const names = head.map((each) => each.split(':')[0]?.trim().toLowerCase());
  const usual = [
    'Host: wayline',
    `Authorization: Bearer ${KEY}`,
    'Content-Type: application/json',
    'X-Request-Id: the-same',
    ...(names.includes('transfer-encoding') ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
  ].filter((each) => {
    const name = each.split(':')[0]?.toLowerCase() as string;
    return !names.includes(name) && !without.includes(name);
  });
  return Buffer.concat([Buffer.from(`${[line, ...usual, ...head].join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body)]);
}

/** After each case: who is answered this, and nothing between, has been understood as it was meant. */
const LAST = 'GET /livez HTTP/1.1\r\nHost: wayline\r\nX-Request-Id: last\r\nConnection: close\r\n\r\n';

const chunked = (body: string, size: number, extension = ''): string => {
  const parts: string[] = [];
  for (let at = 0; at < body.length; at += size) {
    const part = body.slice(at, at + size);
    parts.push(`${part.length.toString(16)}${extension}\r\n${part}\r\n`);
  }
  return `${parts.join('')}0\r\n\r\n`;
};
const TE = 'Transfer-Encoding: chunked';

/** All that comes back, but for what differs from one time to the next. */
async function answerOf(port: number, parts: readonly (string | Buffer)[], half: boolean): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const chunks: Buffer[] = [];
  socket.on('error', () => {}).on('data', (chunk: Buffer) => void chunks.push(chunk));
  const closed = once(socket, 'close');
  for (const part of parts) {
    if (!socket.writable) break;
    socket.write(part);
    await new Promise(setImmediate);
  }
  if (half) socket.end();
  await closed;
  return Buffer.concat(chunks)
    .toString('latin1')
    .replaceAll(/^Date: .*\r$/gm, 'Date: -\r')
    .replaceAll(/^X-Request-Id: [\w-]{12}\.[0-9a-z]+\r$/gm, 'X-Request-Id: (new)\r')
    .replaceAll(/(HTTP\/1\.1 \d{3} .*\r\n)([\s\S]*?)\r\n\r\n/g, (_, line, head) => line + inOrder(head));
}

/** The order of headers of different names says nothing. */
const inOrder = (head: string): string => `${head.split('\r\n').sort().join('\r\n')}\r\n\r\n`;

const statusesOf = (answers: string): number[] =>
  [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

interface Case {
  what: string;
  send: Written | Buffer | string | readonly (Buffer | string)[];
  /** In order; the last, of `LAST`, included where it is answered. */
  statuses: readonly number[];
  /** The client sends no more after it, and says so. */
  half?: boolean;
  /** Nothing is sent after it, and the server ends the connection. */
  alone?: boolean;
}

const LENGTH = Buffer.byteLength(EVENT);
const length = (value: string | number) => ({ head: [`Content-Length: ${value}`] });

const CASES: readonly Case[] = [
  { what: 'as it should be', send: {}, statuses: [202, 200] },
  { what: 'a list of which one is bad', send: { body: `[${EVENT},{"type":"click"}]` }, statuses: [202, 200] },
  { what: 'a byte at a time', send: [...written()].map((byte) => Buffer.of(byte)), statuses: [202, 200] },
  { what: 'the head, then the body', send: [written().subarray(0, -LENGTH), EVENT], statuses: [202, 200] },
  {
    what: 'five behind one another, good and bad',
    send: [
      Buffer.concat([
        written(),
        written({ body: '{' }),
        written({ without: ['authorization'] }),
        written({ line: 'GET /v1/events HTTP/1.1', body: '' }),
        written({ head: ['Content-Type: text/html'] }),
        written(),
      ]),
    ],
    statuses: [202, 400, 401, 405, 415, 202, 200],
  },

  { what: 'chunks', send: { head: [TE], body: chunked(EVENT, 7) }, statuses: [202, 200] },
  { what: 'chunks of a byte', send: { head: [TE], body: chunked(EVENT, 1) }, statuses: [202, 200] },
  { what: 'chunks with extensions', send: { head: [TE], body: chunked(EVENT, 20, ';a=b') }, statuses: [202, 200] },
  {
    what: 'chunks with a trailer',
    send: { head: [TE, 'Trailer: X-Sum'], body: chunked(EVENT, 99).replace(/\r\n$/, 'X-Sum: 1\r\n\r\n') },
    statuses: [202, 200],
  },
  { what: 'no chunks at all', send: { head: [TE], body: '0\r\n\r\n' }, statuses: [400, 200] },
  { what: 'a chunk whose length is no number', send: { head: [TE], body: 'xyz\r\n{}\r\n0\r\n\r\n' }, statuses: [400] },
  { what: 'a chunk that is longer than it says', send: { head: [TE], body: '2\r\n{}}\r\n0\r\n\r\n' }, statuses: [400] },
  { what: 'a chunk of 2^64 bytes', send: { head: [TE], body: '10000000000000000\r\n{}\r\n' }, statuses: [400] },
  {
    what: 'gzip in chunks',
    send: {
      head: [TE, 'Content-Encoding: gzip'],
      body: Buffer.from(chunked(gzipSync(EVENT).toString('latin1'), 30), 'latin1'),
    },
    statuses: [202, 200],
  },

  // Where two readers could see another end of the body, none may be seen.
  { what: 'a length and chunks', send: { head: [`Content-Length: ${LENGTH}`, TE], body: EVENT }, statuses: [400] },
  { what: 'chunks and a length', send: { head: [TE, 'Content-Length: 4'], body: chunked(EVENT, 99) }, statuses: [400] },
  { what: 'chunks, said twice', send: { head: [TE, TE], body: chunked(EVENT, 99) }, statuses: [400] },
  {
    what: 'chunks, then another coding',
    send: { head: [`${TE}, identity`], body: chunked(EVENT, 99) },
    statuses: [400],
  },
  {
    what: 'a coding that nobody knows',
    send: { head: ['Transfer-Encoding: cow'], body: chunked(EVENT, 99) },
    statuses: [400],
  },
  {
    what: 'chunked by a tab',
    send: { head: ['Transfer-Encoding:\tchunked'], body: chunked(EVENT, 99) },
    statuses: [202, 200],
  },
  {
    what: 'chunked behind a space',
    send: { head: ['Transfer-Encoding : chunked'], body: chunked(EVENT, 99) },
    statuses: [400],
  },
  {
    what: 'a length twice',
    send: { head: [`Content-Length: ${LENGTH}`, `Content-Length: ${LENGTH}`] },
    statuses: [400],
  },
  { what: 'two lengths', send: { head: [`Content-Length: ${LENGTH}`, 'Content-Length: 3'] }, statuses: [400] },
  { what: 'two lengths in a line', send: length(`${LENGTH}, ${LENGTH}`), statuses: [400] },
  { what: 'a length below 0', send: length(-1), statuses: [400] },
  { what: 'a length with a sign', send: length(`+${LENGTH}`), statuses: [400] },
  { what: 'a length in hexadecimal', send: length('0xff'), statuses: [400] },
  { what: 'a length of nothing', send: length(''), statuses: [400] },
  { what: 'a length beyond 64 bits', send: length('99999999999999999999999'), statuses: [400] },
  {
    what: 'a length that never comes',
    send: [written({ ...length('9007199254740993'), body: '' })],
    statuses: [413, 400],
    half: true,
  },
  { what: 'a length of 0, and no body', send: { body: '' }, statuses: [400, 200] },
  { what: 'neither length nor chunks', send: { without: ['content-length'], body: '' }, statuses: [400, 200] },
  { what: 'a body without a length', send: { without: ['content-length'] }, statuses: [400, 400] },
  { what: 'less than was told', send: [written(length(LENGTH + 1))], statuses: [400], half: true },
  {
    what: 'more than was told',
    send: { body: `${EVENT}G`, head: [`Content-Length: ${LENGTH}`] },
    statuses: [202, 400],
  },

  { what: 'half a head', send: 'POST /v1/events HTTP/1.1\r\nHost: way', statuses: [400], half: true },
  { what: 'nothing', send: '', statuses: [], half: true },
  { what: 'empty lines before it', send: ['\r\n\r\n', written()], statuses: [202, 200] },
  { what: 'rubbish', send: Buffer.from([0, 1, 2, 255, 254, 13, 10, 13, 10]), statuses: [400] },
  { what: 'the beginning of TLS', send: Buffer.from('16030100f8010000f40303', 'hex'), statuses: [400] },
  { what: 'the beginning of HTTP/2', send: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', statuses: [400] },
  { what: 'lines that end without a return', send: written().toString().replaceAll('\r\n', '\n'), statuses: [400] },
  { what: 'a line that is folded', send: { head: ['X-A: 1\r\n 2'] }, statuses: [400] },
  { what: 'a NUL in a line', send: { head: ['X-A: a\u0000b'] }, statuses: [400] },
  { what: 'a line without a name', send: { head: [': x'] }, statuses: [400] },
  { what: 'a head of 17 KiB', send: { head: [`X-A: ${'a'.repeat(17 * 1024)}`] }, statuses: [400] },
  {
    what: 'an address of 17 KiB',
    send: { line: `POST /v1/events?${'a'.repeat(17 * 1024)} HTTP/1.1` },
    statuses: [400],
  },
  { what: 'no Host', send: { without: ['host'] }, statuses: [400] },
  { what: 'two Hosts', send: { head: ['Host: a', 'Host: b'] }, statuses: [202, 200] },
  { what: 'HTTP/1.0', send: [written({ line: 'POST /v1/events HTTP/1.0' })], statuses: [202] },
  { what: 'HTTP/0.9', send: 'GET /livez\r\n', statuses: [400] },
  { what: 'HTTP/1.9', send: { line: 'POST /v1/events HTTP/1.9' }, statuses: [400] },

  { what: 'HEAD', send: { line: 'HEAD /v1/events HTTP/1.1', body: '' }, statuses: [405, 200] },
  { what: 'OPTIONS', send: { line: 'OPTIONS /v1/events HTTP/1.1', body: '' }, statuses: [204, 200] },
  { what: 'OPTIONS of everything', send: { line: 'OPTIONS * HTTP/1.1', body: '' }, statuses: [404, 200] },
  { what: 'TRACE', send: { line: 'TRACE /v1/events HTTP/1.1', body: '' }, statuses: [405, 200] },
  { what: 'PUT', send: { line: 'PUT /v1/events HTTP/1.1' }, statuses: [405, 200] },
  { what: 'a method that nobody knows', send: { line: 'WRITE /v1/events HTTP/1.1' }, statuses: [400] },
  { what: 'a method in small letters', send: { line: 'post /v1/events HTTP/1.1' }, statuses: [400] },
  { what: 'the address of a proxy', send: { line: 'POST http://wayline/v1/events HTTP/1.1' }, statuses: [202, 200] },
  { what: 'a question without a word', send: { line: 'POST /v1/events? HTTP/1.1' }, statuses: [202, 200] },
  { what: 'a fragment', send: { line: 'POST /v1/events#a HTTP/1.1' }, statuses: [202, 200] },
  { what: 'two slashes', send: { line: 'POST //v1/events HTTP/1.1' }, statuses: [404, 200] },
  { what: 'a slash at the end', send: { line: 'POST /v1/events/ HTTP/1.1' }, statuses: [202, 200] },
  { what: 'an escape in the path', send: { line: 'POST /v1/%65vents HTTP/1.1' }, statuses: [404, 200] },
  { what: 'an escape that is none', send: { line: 'POST /v1/%zz HTTP/1.1' }, statuses: [404, 200] },
  {
    what: 'an escape that is none, as the key',
    send: { line: 'POST /v1/events?key=%zz HTTP/1.1' },
    statuses: [202, 200],
  },

  {
    what: 'two keys: the first',
    send: { head: [`Authorization: Bearer ${KEY}`, 'Authorization: Bearer x'] },
    statuses: [202, 200],
  },
  {
    what: 'two keys: the first, which is bad',
    send: { head: ['Authorization: Bearer x', `Authorization: Bearer ${KEY}`] },
    statuses: [401, 200],
  },
  {
    what: 'two types: the first',
    send: { head: ['Content-Type: application/json', 'Content-Type: text/html'] },
    statuses: [202, 200],
  },
  { what: 'two request ids', send: { head: ['X-Request-Id: a', 'X-Request-Id: b'] }, statuses: [202, 200] },
  { what: 'two encodings', send: { head: ['Content-Encoding: gzip', 'Content-Encoding: gzip'] }, statuses: [415, 200] },
  { what: 'two times of sending', send: { head: ['Wayline-Sent-At: 1', 'Wayline-Sent-At: 2'] }, statuses: [400, 200] },
  { what: 'no type', send: { head: ['Content-Type:'] }, statuses: [415, 200] },
  {
    what: 'a type with a charset',
    send: { head: ['Content-Type: APPLICATION/JSON ; Charset="UTF-8"'] },
    statuses: [202, 200],
  },
  { what: 'what expects to be told to go on', send: { head: ['Expect: 100-continue'] }, statuses: [100, 202, 200] },
  { what: 'what expects something else', send: { head: ['Expect: coffee'] }, statuses: [202, 200] },
  {
    what: 'what offers HTTP/2',
    send: { head: ['Connection: Upgrade, close', 'Upgrade: h2c'] },
    alone: true,
    statuses: [202],
  },
  { what: 'a WebSocket that is none', send: { head: ['Connection: Upgrade', 'Upgrade: websocket'] }, statuses: [404] },
  {
    what: 'CONNECT',
    send: { line: 'CONNECT wayline:80 HTTP/1.1', head: ['Connection: close'], body: '' },
    alone: true,
    statuses: [404],
  },
];

describe('the same bytes come back before express and behind it', () => {
  test.each(CASES)('$what', async ({ send, statuses, half = false, alone = false }) => {
    const bytes =
      typeof send === 'string' || Buffer.isBuffer(send)
        ? [send]
        : Array.isArray(send)
          ? send
          : [written(send as Written)];
    const parts = half || alone ? bytes : [...bytes, LAST];
    const [hot, cold] = await Promise.all(ports.map((port) => answerOf(port, parts, half)));
    expect(hot).toBe(cold);
    expect(statusesOf(hot as string)).toEqual(statuses);
  });
});

test('none of all this was a fault of the server', () => {
  expect(faults).toEqual([]);
});
