import { type IncomingHttpHeaders, request } from 'node:http';
import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { PROBLEM_CODES, PROBLEM_MEDIA_TYPE } from '@wayline/contracts';
import { createVerifier, signAccessToken } from '@wayline/identity/verify';
import { servedRoutes } from '@wayline/testkit';
import fc from 'fast-check';
import { createQueryRouter } from '../src/index.ts';
import { app, eventAt, GROUP, microservice, type QueryUnderTest, SECRET, startQuery } from './query-under-test.ts';

jest.setTimeout(240_000);

const RUNS = 1_500;
/** A stream without an end is one that was answered. */
const LONGEST_MS = 5_000;

let query: QueryUnderTest;
let token: string;
let routes: string[];
/** Cursors of real lists: of the right form, and mostly of another list. */
const cursors: string[] = [];

beforeAll(async () => {
  query = await startQuery({ statementTimeoutMs: 3_000 });
  const own = { userId: 'u', machineId: 'm', value: 1, seq: 1 };
  await query.store([
    eventAt(0, { ...own, ...app('shop') }),
    eventAt(1, { ...own, ...microservice('cart') }),
    eventAt(2, { ...own, type: 'click', ...app('checkout') }),
    eventAt(3, { sessionId: 's-2', ...own, ...app('shop') }),
  ]);
  await query.deadLetter({ code: 'wrong_type', detail: 'd' });
  const scopes = ['read' as const, 'aggregation' as const, 'admin' as const];
  token = await signAccessToken({ projectId: 1, subject: 'tester', scopes, expiresInSeconds: 3_600 }, SECRET);
  for (const path of ['/v1/sessions', '/v1/sessions/s-1/events', '/v1/machines/m/timeline']) {
    const { nextCursor } = await query.read(`${path}?limit=1`);
    cursors.push(nextCursor);
  }
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const verifier = createVerifier({ secrets: [SECRET] });
  routes = servedRoutes(createQueryRouter({ pool: query.pool, log: query.log, group: GROUP, verifier, logger }));
});
afterAll(() => query.close());

interface Told {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

/** As raw as Node lets it be: nothing of the path is mended on its way. */
function send({ method, path, body }: { method: string; path: string; body: string | undefined }): Promise<Told> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const asked = request(query.url, { method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      const told = () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        });
      const timer = setTimeout(() => {
        told();
        asked.destroy();
      }, LONGEST_MS);
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (!response.headers['content-type']?.startsWith('text/event-stream')) return;
        told();
        asked.destroy();
      });
      response.on('error', () => undefined);
      response.on('close', () => {
        clearTimeout(timer);
        told();
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** What stands in addresses and parameters, as it goes over the wire. */
const RAW = fc.oneof(
  fc.constantFrom(
    ...['', '%', '%zz', '%ff', '%00', '%ED%A0%80', '..', '%2e%2e%2f', '%0d%0aX:1', "'", '%27%3B--', '%5Cx', 'null'],
    ...['-1', '0', '1', '1001', '1e9', '9223372036854775808', '99999999999999999999999', 'NaN', '-0', '0x10', '1.5'],
    ...[
      's-1',
      'u',
      'm',
      'shop',
      'cart',
      'click',
      'default',
      'true',
      'otlp',
      'chrome',
      'csv',
      'ndjson',
      'minute',
      'year',
    ],
    ...['avg', 'p99', 'include', 'impression', '00000000-0000-7000-8000-000000000000', '%E2%80%AE', '%F0%9F%98%80'],
  ),
  fc.constantFrom(
    ...['2026-11-20T12:00:00Z', '2026-11-21T00:00:00.000Z', '1970-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z'],
    ...[
      '0001-01-01T00:00:00Z',
      '2026-02-30T00:00:00Z',
      '1795435200',
      '1795435200000',
      '999999999999999',
      '253402300800000',
    ],
  ),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => encodeURIComponent(text.toWellFormed())),
  fc.constantFrom(260, 3_000).map((length) => 'x'.repeat(length)),
);

/** Of the right form, or nearly. */
const cursor = fc.oneof(
  fc.nat(2).map((n) => cursors[n] ?? ''),
  fc.tuple(fc.nat(2), fc.nat(60), fc.constantFrom('A', '_', '9')).map(([n, at, letter]) => {
    const whole = cursors[n] ?? '';
    return whole.slice(0, at) + letter + whole.slice(at + 1);
  }),
  fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text).toString('base64url')),
  RAW,
);

const NAMES = [
  ...['userId', 'machineId', 'app', 'microservice', 'type', 'from', 'to', 'limit', 'sessionId', 'at', 'granularity'],
  ...['aggregation', 'empty', 'tsMin', 'tsMax', 'aggregationType', 'timestamp', 'format', 'code', 'before', 'session'],
  ...['user', 'machine', 'formulas', 'state', '__proto__', 'constructor', 'from[]', 'a[b][c]'],
];
const parameter = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom(...NAMES), RAW) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('cursor'), cursor) },
  { weight: 1, arbitrary: fc.tuple(RAW, RAW) },
);

const asking = fc.record({
  route: fc.nat(),
  method: fc.option(fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'TRACE'), {
    freq: 4,
    nil: undefined,
  }),
  parts: fc.array(RAW, { minLength: 3, maxLength: 3 }),
  parameters: fc.oneof(
    { weight: 5, arbitrary: fc.array(parameter, { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.array(parameter, { minLength: 20, maxLength: 60 }) },
  ),
  body: fc.option(fc.oneof(fc.json({ maxDepth: 3 }), fc.string(), fc.constant('{"dryRun":true}'))),
});

/** Of the program, its libraries, and its database: nobody's business. */
const INTERNALS =
  /node_modules|\.[jt]s:\d|\bat \w+ \(|\bSELECT\b|\bFROM\b|pg_|relation "|syntax error|column "|\/packages\/|ECONN/;

test('no address, parameter, method or body gives an answer of 500, or one that tells of the inside', async () => {
  const seen = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(asking, async ({ route, method, parts, parameters, body }) => {
      const [served = '', template = ''] = (routes[route % routes.length] as string).split(' ');
      let n = 0;
      const address = template.replaceAll(':', () => parts[n++ % parts.length] as string);
      const search = parameters.map(([name, value]) => `${name}=${value}`).join('&');
      const verb = method ?? served;
      const given = verb === 'POST' ? (body ?? undefined) : undefined;
      const path = `${address}${search ? `?${search}` : ''}`;
      const { status, headers, text } = await send({ method: verb, path, body: given });
      seen.set(status, (seen.get(status) ?? 0) + 1);
      if (status === 431) return; // more than the head may hold: Node's own answer, where the program has another
      const told = `${verb} ${path.slice(0, 600)} → ${status} ${text.slice(0, 500)}`;
      expect([told, query.faults]).toEqual([told, []]);
      if (status >= 400) expect(told).not.toMatch(/ → 500 /);
      if (verb === 'HEAD' || status < 400) return;
      if (headers['content-type']?.startsWith('application/json')) {
        // A fate that is not known, and what the predecessors answered in their own form.
        expect(told).toMatch(/"fate":"unknown"|"message":"No data available"/);
        return;
      }
      expect([told, headers['content-type']]).toEqual([told, PROBLEM_MEDIA_TYPE]);
      const document = JSON.parse(text);
      expect([told, Object.keys(PROBLEM_CODES).includes(document.code)]).toEqual([told, true]);
      expect(document).toMatchObject({
        status,
        type: expect.any(String),
        title: expect.any(String),
        retryable: expect.any(Boolean),
      });
      // What the client sent may be told back to it.
      expect(JSON.stringify({ ...document, detail: '' })).not.toMatch(INTERNALS);
      if (!INTERNALS.test(decodeLoosely(path))) expect(document.detail).not.toMatch(INTERNALS);
    }),
    { numRuns: RUNS },
  );
  // It got as far as the database often enough, and was refused often enough.
  expect(seen.get(200)).toBeGreaterThan(RUNS / 50);
  expect(seen.get(400)).toBeGreaterThan(RUNS / 50);
});

function decodeLoosely(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
