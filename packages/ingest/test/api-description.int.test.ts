import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { LIMITS } from '@wayline/contracts';
import { type ApiDescription, describeApi } from '@wayline/contracts/api';
import { LogUnavailableError } from '@wayline/event-log';
import { createVerifier } from '@wayline/identity/verify';
import { type CallerSettings, emptySettings } from '@wayline/settings';
import {
  createApiSchemas,
  describedRoutes,
  type ExampleRequest,
  exampleRequests,
  servedRoutes,
} from '@wayline/testkit';
import { createIngest } from '../src/index.ts';
import { accessToken, type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';
import { openStream } from './stream-client.ts';

/** Every role serves its health, in front of the router. */
const OF_EVERY_ROLE = /^GET \/(livez|readyz|openapi\.json|docs)$/;
const STREAM = '/v1/stream';

const description: ApiDescription = describeApi({ roles: ['ingest'], version: '0', nowMs: Date.now() });
const all = exampleRequests(description).filter(({ method, path }) => !OF_EVERY_ROLE.test(`${method} ${path}`));
const examples = all.filter(({ path }) => path !== STREAM);
/** Limits that are told with every answer, and not reached. */
const MANY = { requestsPerSecond: 1_000_000, eventsPerSecond: 1_000_000 };
/** One of each operation. */
const operations = examples.filter(
  ({ operationId }, index) => examples.findIndex((each) => each.operationId === operationId) === index,
);

let ingest: IngestUnderTest;
let rules: CallerSettings;
let fault: Error | undefined;

beforeAll(async () => {
  rules = { rates: MANY };
  ingest = await startIngest({ settings: { ...emptySettings(), key: () => rules, project: () => rules } });
  const append = ingest.log.append.bind(ingest.log);
  ingest.log.append = (topic, records) => (fault ? Promise.reject(fault) : append(topic, records));
});
afterAll(() => ingest?.close());

interface Other {
  /** null: none. */
  credential?: string | null;
  contentType?: string;
  body?: string | Uint8Array<ArrayBuffer>;
  headers?: Record<string, string>;
}

async function ask(
  { method, path, contentType, body }: ExampleRequest,
  other: Other = {},
): Promise<{ status: number; text: string; code?: string }> {
  const { credential = writeKey() } = other;
  const type = other.contentType ?? contentType;
  const headers = {
    ...(credential !== null && { authorization: `Bearer ${credential}` }),
    ...(type !== undefined && { 'content-type': type }),
    ...other.headers,
  };
  const response = await fetch(ingest.url + path, { method, headers, body: other.body ?? body });
  const text = await response.text();
  ingest.api.check({ method, path, status: response.status, headers: response.headers, text });
  return { status: response.status, text, code: text === '' ? undefined : JSON.parse(text).code };
}

describe('C8: the description and the router of ingest', () => {
  test('have the same routes; what writes also answers OPTIONS, of which no description speaks', () => {
    const { router } = createIngest({
      log: ingest.log,
      verifier: createVerifier({ secrets: ['a-secret-of-this-test-of-40-characters-00'] }),
      logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    });
    const routes = servedRoutes(router);
    const described = describedRoutes(description).filter((route) => !OF_EVERY_ROLE.test(route));
    expect(routes.filter((route) => !route.startsWith('OPTIONS ')).sort()).toEqual(described.sort());
    expect(routes.filter((route) => route.startsWith('OPTIONS ')).sort()).toEqual(
      described
        .filter((route) => route.startsWith('POST '))
        .map((route) => route.replace('POST', 'OPTIONS'))
        .sort(),
    );
  });

  test.each(examples)('$method $path, $contentType: the example works', async (example) => {
    const before = (await ingest.records()).length;
    const { status, text } = await ask(example);
    expect({ status, text }).toEqual({ status: example.status, text: expect.any(String) });
    expect((await ingest.records()).length).toBeGreaterThan(before);
  });

  test.each(operations)('$method $path: problems are as described', async (example) => {
    // Who has the key in the body of a form is not asked for it in the header.
    expect((await ask(example, { credential: null })).status).toBe(401);
    expect((await ask(example, { credential: await accessToken(['read']) })).code).toBe('forbidden');
    // What a batch says itself of when it was sent goes before the header.
    const wrong = example.path.startsWith('/v1/b') ? { body: '[]' } : { headers: { 'wayline-sent-at': 'soon' } };
    expect((await ask(example, wrong)).code).toBe('invalid_request');
    for (const [setting, code] of [
      [{ origins: ['https://a.example'] }, 'origin_not_allowed'],
      [{ refused: 'revoked' as const }, 'unauthenticated'],
      [{ refused: 'disabled' as const }, 'forbidden'],
    ] as const) {
      rules = { rates: MANY, ...setting };
      expect((await ask(example, { headers: { origin: 'https://b.example' } })).code).toBe(code);
    }
    rules = { rates: { requestsPerSecond: 0.01 } };
    await ask(example);
    expect((await ask(example)).code).toBe('rate_limited');
    rules = { rates: MANY };
    fault = new LogUnavailableError('unavailable', 'the log is away');
    expect((await ask(example)).code).toBe('log_unavailable');
    fault = new LogUnavailableError('busy', 'too much is in flight');
    expect((await ask(example)).code).toBe('overloaded');
    fault = new Error('a fault of our own, on purpose');
    expect((await ask(example)).code).toBe('internal');
    fault = undefined;
    expect((await ask(example, { body: new Uint8Array(LIMITS.bodyBytes + 1) })).code).toBe('body_too_large');
    const encoded = { 'content-encoding': 'gzip' };
    expect((await ask(example, { body: 'no gzip', headers: encoded })).code).toBe('invalid_encoding');
    expect((await ask(example, { body: 'x', headers: { 'content-encoding': 'rot13' } })).code).toBe(
      'unsupported_media_type',
    );
    if (example.operationId === 'sendClick') return; // its body is not looked at
    const contentType = 'application/json';
    expect((await ask(example, { body: '{', contentType })).code).toBe('invalid_json');
    expect((await ask(example, { body: Uint8Array.of(0x22, 0xff, 0x22), contentType })).code).toBe('invalid_encoding');
  });

  test('all that is described was seen', async () => {
    await seeTheRest();
    expect(ingest.api.unseen().filter((each) => !isOfTheProcess(each))).toEqual([]);
  });

  test('the stream: its frames and answers are as described', async () => {
    const schemas = createApiSchemas(description);
    const frame = { $ref: '#/components/schemas/StreamFrame' };
    const answer = { $ref: '#/components/schemas/StreamAnswer' };
    const client = await openStream(ingest.url);
    const sent = { id: 1, sentAt: Date.now(), events: [{ sessionId: 's-1', type: 'click' }] };
    expect(schemas.errorsOf(frame, sent)).toBeUndefined();
    const half = { id: 'a', events: [...sent.events, { eventId: crypto.randomUUID(), type: 'click' }] };
    const seen = new Set<string>();
    for (const [message, status] of [
      [sent, 'accepted'],
      [half, 'accepted'],
      [{ id: 2, events: [], other: 1 }, 'error'],
      ['{', 'error'],
    ] as const) {
      client.send(message);
      const answered = await client.next();
      expect(answered).toHaveProperty(status);
      expect(schemas.errorsOf(answer, answered)).toBeUndefined();
      for (const field of schemas.fieldsIn(answer, answered, '')) seen.add(field);
    }
    rules = { rates: { requestsPerSecond: 0.01 } };
    client.send(sent);
    await client.next();
    client.send(sent);
    for (const field of schemas.fieldsIn(answer, await client.next(), '')) seen.add(field);
    rules = { rates: MANY };
    client.socket.terminate();
    const unseen = [...schemas.fieldsOf(answer, '')].filter((field) => !seen.has(field));
    // A frame that is refused has no items to tell errors of.
    expect(unseen.filter((field) => !/^Problem\.errors/.test(field))).toEqual([]);
  });
});

/** What any request may meet: tests of the server see it. */
const isOfTheProcess = (unseen: string): boolean =>
  / 408( |$)/.test(unseen) ||
  / (not_ready|request_timeout)$/.test(unseen) ||
  /^streamEvents (101|400|500|503)/.test(unseen) ||
  /^(livez|readyz|openapi|docs) /.test(unseen);

/** What no example shows. */
async function seeTheRest(): Promise<void> {
  const of = (id: string, more: Partial<ExampleRequest> = {}): ExampleRequest => {
    const found = all.find(({ operationId }) => operationId === id);
    if (!found) throw new Error(`there is no operation ${id}`);
    return { ...found, ...more };
  };
  const json = { contentType: 'application/json' };
  await ask(of('streamEvents'));
  const mixed = [
    { sessionId: 's-2', type: 'a' },
    { sessionId: 's-2', type: 1, eventId: crypto.randomUUID() },
  ];
  const many = JSON.stringify(new Array(LIMITS.eventsPerRequest + 1).fill({}));
  for (const id of ['sendEvents', 'sendSessionEvents']) {
    await ask(of(id, { ...json, body: JSON.stringify(mixed) }));
    await ask(of(id, { ...json, body: '[]' }));
    await ask(of(id, { ...json, body: JSON.stringify([mixed[1]]) }));
    await ask(of(id, { ...json, body: many }));
  }
  for (const { operationId } of operations.filter(({ operationId }) => operationId.startsWith('segment'))) {
    const batch = operationId.startsWith('segmentBatch');
    await ask(of(operationId, { ...json, body: batch ? '{"batch": [{}]}' : '{}' }));
    if (!batch) continue;
    await ask(of(operationId, { ...json, body: `{"batch": ${many}}` }));
    await ask(of(operationId, { ...json, body: '{"batch": [{"type": "track", "event": "e", "userId": "u"}, {}]}' }));
  }
  await ask(of('sendClick', { path: '/analytics' }));
  for (const id of ['sendMeasurement', 'sendAction']) await ask(of(id, { ...json, body: '{}' }));
}
