import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createVerifier, formatWriteKey } from '@wayline/identity/verify';
import { createIngest } from '@wayline/ingest';
import { type CallerSettings, emptySettings } from '@wayline/settings';
import { Closers } from '@wayline/testkit';
import { type HttpServer, startHttpServer } from '../src/serving/http-server.ts';

/** Requests that find no room in hand: made a request of, or refused by their heads. */

const SECRET = 'a-secret-of-this-test-of-40-characters-00';
const HELD = 10_000;
const key = (projectId: number) => formatWriteKey({ projectId, keyId: 'test', allowImport: false }, SECRET);
const RULES: Record<number, CallerSettings> = {
  2: { rates: {}, refused: 'revoked' },
  3: { rates: { requestsPerSecond: 1000 } },
  4: { rates: {}, bodyBytes: 100 },
};
const faults: unknown[] = [];
const files = new Closers();
const closers = new Closers();
let log: Awaited<ReturnType<typeof createEmbeddedLog>>;
let server: HttpServer;
let port: number;
/** Of which Node made a request. */
let made: number;
let refused: object[];
/** The server's side of the connection that the last of them came over. */
let lastSocket: Socket | undefined;
/** The answer to `/held`. */
let held: ServerResponse | undefined;

beforeAll(async () => {
  log = await createEmbeddedLog({
    folder: await files.folder('shed'),
    topics: [{ name: TOPICS.events, partitions: 1 }],
  });
  files.add(() => log.close());
});
afterAll(() => files.closeAll());

beforeEach(async () => {
  made = 0;
  refused = [];
  const debug = (fields: object, message: string) => void (message === 'a request was refused' && refused.push(fields));
  const logger = { debug, info() {}, warn() {}, error: (fields: object) => void faults.push(fields) };
  const settings = { ...emptySettings(), key: (projectId: number) => RULES[projectId] ?? { rates: {} } };
  const verifier = createVerifier({ secrets: [SECRET] });
  const ingest = createIngest({ log, logger, settings, verifier, maxBodyBytesHeld: HELD });
  server = await startHttpServer({ host: '127.0.0.1', port: 0, listener: () => undefined });
  const answer: Parameters<HttpServer['serve']>[0] = (request, response) => {
    made++;
    lastSocket = request.socket;
    if (request.url === '/held') held = response;
    else if (!ingest.hotPath(request, response)) response.end('else');
  };
  server.serve(answer, { shedder: ingest.shedder });
  closers.add(() => server.drain(0));
  port = Number(new URL(server.url).port);
});
afterEach(() => closers.closeAll());

const LARGE = 'x'.repeat(300_000);

function post(body: string, { head = [] as string[], projectId = 1, line = 'POST /v1/events HTTP/1.1' } = {}): string {
  const usual = [
    'Host: wayline',
    'Content-Type: application/json',
    `Authorization: Bearer ${key(projectId)}`,
    `Content-Length: ${body.length}`,
  ];
  return `${[line, ...usual, ...head].join('\r\n')}\r\n\r\n${body}`;
}

const answersIn = (text: string) => text.split(/(?=HTTP\/1\.1 )/).filter((each) => each !== '');

function open() {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  closers.add(async () => void socket.destroy());
  const complete = (each: string) => {
    const [head = '', body = ''] = each.split('\r\n\r\n');
    return body.length === Number(/^Content-Length: (\d+)$/im.exec(head)?.[1] ?? 0);
  };
  /** So many answers, from the first on. */
  const answers = async (count: number): Promise<string[]> => {
    while (answersIn(text).filter(complete).length < count) await once(socket, 'data');
    return answersIn(text);
  };
  /** One request after the other. */
  const ask = async (...requests: string[]): Promise<string[]> => {
    for (const request of requests) {
      const before = answersIn(text).length;
      socket.write(request);
      await answers(before + 1);
    }
    return answersIn(text);
  };
  return { socket, answers, ask };
}

const event = () =>
  JSON.stringify({
    sessionId: 's-1',
    type: 'click',
    occurredAt: new Date().toISOString(),
    source: { kind: 'app', name: 'a' },
  });
const statuses = (answers: readonly string[]) => answers.map((each) => Number(each.slice(9, 12)));
/** Without what differs from one request to the next. */
const alike = (answer: string) =>
  answer.replace(/^X-Request-Id: [\w.-]{13,}$/m, 'ID').replace(/^Date: .* GMT$/m, 'DATE');

test('after the first, a request without room is refused before it is made one, with the same answer', async () => {
  const [first, ...others] = await open().ask(post(LARGE), post(LARGE), post(LARGE));
  expect(made).toBe(1);
  expect(statuses([first as string])).toEqual([503]);
  expect(alike(first as string)).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n[\s\S]*\r\nID\r\n[\s\S]*\r\nDATE\r\n/);
  expect(others.map(alike)).toEqual([alike(first as string), alike(first as string)]);
  const ids = [first as string, ...others].map((each) => /^X-Request-Id: (.*)$/m.exec(each)?.[1]);
  expect(new Set(ids).size).toBe(3);
  expect(refused.map((fields) => Object.entries(fields))).toEqual(
    ids.map((requestId) => Object.entries({ ...refused[0], requestId })),
  );
});

test('also the first that comes over a connection, and no longer than others is it kept', async () => {
  const [made503] = await open().ask(post(LARGE));
  const { socket, answers, ask } = open();
  const first = await ask(post(LARGE));
  expect(made).toBe(1);
  expect(first.map(alike)).toEqual([alike(made503 as string)]);
  // While a request is under way the connection may be silent for longer than it may be idle.
  socket.write(post('', { line: 'GET /held HTTP/1.1' }));
  while (made < 2) await new Promise(setImmediate);
  expect(lastSocket?.timeout).toBe(0);
  held?.end('held');
  expect(statuses(await answers(2))).toEqual([503, 200]);
  const { timeout } = lastSocket as Socket;
  expect(timeout).toBeGreaterThan(0);
  expect(statuses(await ask(post(LARGE), post(event())))).toEqual([503, 200, 503, 202]);
  expect(lastSocket?.timeout).toBe(timeout);
});

test('what finds room is taken, also behind one that was refused', async () => {
  const { ask } = open();
  expect(statuses(await ask(post(LARGE), post(LARGE), post(event()), post(LARGE), post(LARGE), post(event())))).toEqual(
    [503, 503, 202, 503, 503, 202],
  );
  expect(made).toBe(4);
});

test.each([
  { what: 'from a page', request: post(LARGE, { head: ['Origin: https://shop.example'] }), status: 503 },
  { what: 'with an id', request: post(LARGE, { head: ['X-Request-Id: mine'] }), status: 503 },
  { what: 'by HTTP/1.0', request: post(LARGE, { line: 'POST /v1/events HTTP/1.0' }), status: 503 },
  { what: 'that is the last', request: post(LARGE, { head: ['Connection: close'] }), status: 503 },
  { what: 'at another address', request: post(LARGE, { line: 'POST /v1/sessions HTTP/1.1' }), status: 200 },
  { what: 'of another method', request: post('', { line: 'GET /v1/events HTTP/1.1' }), status: 200 },
  { what: 'with two keys', request: post(LARGE, { head: ['Authorization: Bearer x'] }), status: 503 },
  { what: 'of a revoked key', request: post(LARGE, { projectId: 2 }), status: 401 },
  { what: 'that counts', request: post(LARGE, { projectId: 3 }), status: 503 },
  { what: 'that is too large in itself', request: post(LARGE, { projectId: 4 }), status: 413 },
])('a request $what is answered as ever', async ({ request, status }) => {
  const answers = await open().ask(post(LARGE), post(LARGE), request);
  expect(statuses(answers)).toEqual([503, 503, status]);
  expect(made).toBe(2);
});

test('requests that come one behind another are answered in their order', async () => {
  const { socket, answers } = open();
  socket.write(post(LARGE));
  await answers(1);
  socket.write(post(event()) + post(LARGE) + post(LARGE) + post(event()) + post(LARGE));
  expect(statuses(await answers(6))).toEqual([503, 202, 503, 503, 202, 503]);
});

test('one that comes behind a request under way waits for its answer', async () => {
  const { socket, answers } = open();
  socket.write(post(LARGE));
  await answers(1);
  socket.write(post('', { line: 'GET /held HTTP/1.1' }) + post(LARGE));
  while (made < 3) await new Promise(setImmediate);
  held?.end('held');
  expect(statuses(await answers(3))).toEqual([503, 200, 503]);
});

test('a connection that ends amid a refused body leaves nothing to the next', async () => {
  for (let round = 0; round < 5; round++) {
    const { socket, answers, ask } = open();
    await ask(post(LARGE));
    socket.write(post(LARGE).slice(0, 100_000));
    await answers(2);
    const closed = new Promise((resolve) => lastSocket?.once('close', resolve));
    socket.destroy();
    await closed;
    expect(statuses(await open().ask(post(event())))).toEqual([202]);
  }
});

test('a server that stops makes a request of it, and tells the client that the connection ends', async () => {
  const { socket, answers, ask } = open();
  await ask(post(LARGE), post(LARGE));
  const last = post(LARGE);
  const read = lastSocket?.bytesRead ?? 0;
  socket.write(last.slice(0, 30));
  while (lastSocket?.bytesRead === read) await new Promise(setImmediate); // so that it is not idle
  const drained = server.drain(5_000);
  socket.write(last.slice(30));
  const told = (await answers(3)).map((answer) => /^Connection: (.*)$/m.exec(answer)?.[1]);
  expect(told).toEqual(['keep-alive', 'keep-alive', 'close']);
  await drained;
});

test('none of all this was a fault of the server', () => {
  expect(faults).toEqual([]);
});
