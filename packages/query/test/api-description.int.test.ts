import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ApiDescription, describeApi } from '@wayline/contracts/api';
import { LogUnavailableError } from '@wayline/event-log';
import { type Scope, signAccessToken } from '@wayline/identity/verify';
import { createPool, type Pool, recordUserCounts, remakeHops } from '@wayline/store';
import {
  createApiSchemas,
  describedRoutes,
  type ExampleRequest,
  exampleRequests,
  servedRoutes,
} from '@wayline/testkit';
import { createQueryRouter, type QueryRouterOptions } from '../src/index.ts';
import {
  type Answer,
  app,
  eventAt,
  microservice,
  type QueryUnderTest,
  SECRET,
  SESSION_START,
  startQuery,
} from './query-under-test.ts';
import { openTail } from './tail-client.ts';

const SCOPES: Scope[] = ['read', 'aggregation', 'admin', 'write'];
const NOW = SESSION_START + 3_600_000;
/** Every role serves its health, in front of the router. */
const OF_EVERY_ROLE = /^GET \/(livez|readyz|openapi\.json|docs)$/;

const description: ApiDescription = describeApi({ roles: ['query'], version: '0', nowMs: NOW });
const examples = exampleRequests(description).filter(({ method, path }) => !OF_EVERY_ROLE.test(`${method} ${path}`));
const byId = (id: string): ExampleRequest => {
  const found = examples.find(({ operationId }) => operationId === id);
  if (!found) throw new Error(`there is no operation ${id}`);
  return found;
};
const withQuery = (path: string, query: string): string => `${path}${path.includes('?') ? '&' : '?'}${query}`;

/** The parameters that are one of a few words, of what is read. */
const choices = examples
  .filter(({ method }) => method === 'GET')
  .flatMap(({ operationId, path }) => {
    const parameters = (operationOf(operationId).parameters ?? []) as { name: string; schema?: { enum?: string[] } }[];
    return parameters.flatMap(({ name, schema }) => (schema?.enum ? [{ path, name, values: schema.enum }] : []));
  });

let query: QueryUnderTest;
/** Before a database that is away. */
let broken: QueryUnderTest;
let nowhere: Pool;
let logIsAway = false;
let token: string;

beforeAll(async () => {
  query = await startQuery({ now: () => NOW, seenLog: sometimesAway });
  nowhere = createPool({ url: 'postgresql://127.0.0.1:1/none', max: 2, applicationName: 'query test' });
  broken = await startQuery({ pool: nowhere });
  token = await signAccessToken({ projectId: 1, subject: 'tester', scopes: SCOPES, expiresInSeconds: 600 }, SECRET);
  await fill();
}, 60_000);
afterAll(async () => {
  await query?.close();
  await broken?.close();
  await nowhere?.end();
});

/** The log, which a test may take away. */
function sometimesAway(log: QueryUnderTest['log']): QueryRouterOptions['log'] {
  const unlessAway = async <T>(work: () => Promise<T>): Promise<T> => {
    if (logIsAway) throw new LogUnavailableError('unavailable', 'the log is away');
    return work();
  };
  return {
    id: log.id,
    ranges: (topic) => unlessAway(() => log.ranges(topic)),
    peek: (place) => unlessAway(() => log.peek(place)),
    append: (topic, records) => unlessAway(() => log.append(topic, records)),
  };
}

/** Whatever the examples ask for, with everything that there could be about it. */
async function fill(): Promise<void> {
  const [event] = JSON.parse(`[${eventOfExample()}]`);
  const occurredMs = Date.parse(event.occurredAt);
  const full = { ...event, occurredAt: occurredMs, anonymousId: 'a-1', target: 'cart', referrer: 'r', userAgent: 'ua' };
  const source = { kind: 'app', name: 'shop', version: '1', instance: 'i' };
  await query.store([{ ...full, source }], { skewMs: 10_000 });
  await query.store([
    { ...full, sessionId: 's-9', source },
    eventAt(1, { sessionId: 's-2', userId: 'u-7', seq: 5, ...app('checkout') }),
    eventAt(2, { sessionId: 's-2', machineId: 'm-3', ...microservice('cart') }),
    eventAt(3, { sessionId: 's-3', type: 'sessionStarted', context: { previousSessionId: 's-2' } }),
    eventAt(4, { sessionId: 's-8', userId: 'u-8' }),
  ]);
  await query.store([
    eventAt(5, { sessionId: 's-10', namespace: 'frontend', type: 'loadTime', value: 3 }),
    // More hops, gaps and apps than are told.
    ...Array.from({ length: 10_002 }, (_, i) =>
      eventAt(i, { sessionId: 's-long', seq: 2 * i, ...app(`app-${i % 1001}`) }),
    ),
  ]);
  // The dead letter of the examples is the first.
  const envelope = (event: object) => ({ project: 1, receivedAt: SESSION_START, event });
  const letter = (n: number) => ({ detail: `letter ${n}`, eventId: id(n), sessionId: 's-6' });
  await query.deadLetter({ ...letter(1), code: 'unknown_field' }, { value: envelope({ ...full, colour: 'red' }) });
  for (const n of [2, 3]) {
    const mended = { eventId: id(n), sessionId: 's-6', type: 'click', occurredAt: SESSION_START, userId: 'u-6' };
    await query.deadLetter({ ...letter(n), code: 'unstorable' }, { value: envelope(mended), headers: { 'x-a': 'b' } });
  }
  await query.deadLetter({ ...letter(4), code: 'unreadable' }, { value: Buffer.from([0xff, 0xfe]) });
  const damaged = Buffer.from(
    JSON.stringify(envelope({ ...full, eventId: id(5), target: '?' })).replace('"?"', '"\xff"'),
    'latin1',
  );
  await query.deadLetter({ ...letter(5), code: 'unreadable' }, { value: damaged });
  await query.append([eventAt(5, { sessionId: 's-unread' })]);
  await query.pool.query("UPDATE dirty_sessions SET dirty_at = dirty_at - interval '1 minute'");
  await remakeHops(query.pool, new AbortController().signal);
  await recordUserCounts(query.pool);
}

const id = (n: number) => `00000000-0000-4000-8000-00000000000${n}`;
/** That which the example of `POST /v1/events` sends. */
function eventOfExample(): string {
  const sent = exampleRequests(describeApi({ roles: ['ingest'], version: '0', nowMs: NOW }));
  return sent.find(({ operationId }) => operationId === 'sendEvents')?.body ?? '{}';
}

interface Other {
  /** null: none. */
  credential?: string | null;
  /** In place of the server with everything. */
  of?: QueryUnderTest;
  bytes?: Uint8Array<ArrayBuffer>;
  accept?: string;
}

async function ask(
  { method, path, contentType, body }: Pick<ExampleRequest, 'method' | 'path' | 'contentType' | 'body'>,
  { credential = token, of = query, bytes, accept = 'application/json' }: Other = {},
): Promise<Pick<Answer, 'status' | 'text'>> {
  const headers = {
    accept,
    connection: 'close', // one that has idled may be closed by the server just as it is used again
    ...(credential !== null && { authorization: `Bearer ${credential}` }),
    ...(contentType !== undefined && { 'content-type': contentType }),
  };
  const response = await fetch(of.url + path, { method, headers, body: bytes ?? body });
  // What goes on for ever is left as soon as it has begun.
  const goesOn = response.headers.get('content-type')?.startsWith('text/event-stream');
  if (goesOn) await response.body?.cancel();
  const text = goesOn ? '' : await response.text();
  of.api.check({ method, path, status: response.status, headers: response.headers, text });
  return { status: response.status, text };
}

describe('C8: the description and the router of query', () => {
  test('have the same routes', () => {
    const router = createQueryRouter({
      pool: nowhere,
      log: query.log,
      group: 'test',
      verifier: { writeKey: () => undefined, authenticate: () => Promise.reject(new Error('unused')) },
      logger: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
    });
    const described = describedRoutes(description).filter((route) => !OF_EVERY_ROLE.test(route));
    expect(servedRoutes(router).sort()).toEqual(described.sort());
  });

  test.each(examples)('$method $path has the parameters that are described', async (example) => {
    const { status, text } = await ask({ ...example, path: withQuery(example.path, 'zz=1') });
    const { detail = text } = JSON.parse(text);
    expect({ status, detail }).toEqual({ status: 400, detail: expect.stringContaining('no parameter `zz`') });
    const known = / it has: (.*)\.$/.exec(detail)?.[1]?.split(', ') ?? [];
    expect(known.sort()).toEqual(parametersOf(example.operationId).sort());
  });

  test.each(choices)('$path takes for $name what is described, and nothing else', async ({ path, name, values }) => {
    const refused = await ask({ method: 'GET', path: withParameter(path, name, 'zz') });
    const { detail } = JSON.parse(refused.text);
    expect({ status: refused.status, detail }).toEqual({ status: 400, detail: expect.stringContaining(`\`${name}\``) });
    const taken = / must be (?:one of:? )?(.*)\.$/.exec(detail)?.[1]?.split(/, (?:or )?/) ?? [];
    expect(taken.sort()).toEqual([...values].sort());
    for (const value of values) {
      expect((await ask({ method: 'GET', path: withParameter(path, name, value) })).status).toBe(200);
    }
  });

  test.each([{ operationId: 'replayDeadLetter' }, { operationId: 'replayDeadLetters' }])(
    '$operationId takes the members that are described, and no others',
    async ({ operationId }) => {
      const { detail } = JSON.parse((await ask({ ...byId(operationId), body: '{"zz": 1}' })).text);
      const { schema } = bodyOf(operationId);
      expect(/ it has: (.*)\.$/.exec(detail)?.[1]?.split(', ').sort()).toEqual(Object.keys(schema.properties).sort());
    },
  );

  // In the order of the page: what erases comes last.
  test.each(examples)('$method $path: the example works', async (example) => {
    const { status, text } = await ask(example);
    expect({ status, text }).toEqual({ status: example.status, text: expect.any(String) });
  });

  test.each(examples)('$method $path: problems are as described', async (example) => {
    expect((await ask(example, { credential: null })).status).toBe(401);
    const poor = await signAccessToken(
      { projectId: 1, subject: 't', scopes: SCOPES.filter((scope) => scope !== example.scope), expiresInSeconds: 60 },
      SECRET,
    );
    expect((await ask(example, { credential: poor })).status).toBe(403);
    const parameters = parametersOf(example.operationId);
    for (const place of ['cursor', 'after'].filter((name) => parameters.includes(name))) {
      const path = withQuery(example.path, `${place}=zz`);
      expect((await ask({ ...example, path })).text).toContain('invalid_cursor');
    }
    if (parameters.includes('limit')) {
      const { maximum } = (description.components.parameters as { limit: { schema: { maximum: number } } }).limit
        .schema;
      expect((await ask({ ...example, path: withParameter(example.path, 'limit', `${maximum + 1}`) })).status).toBe(
        400,
      );
      expect((await ask({ ...example, path: withParameter(example.path, 'limit', `${maximum}`) })).status).toBe(200);
    }
    // Where it is not described that something may not be there, an answer that says so is refused by `ask`.
    const { status } = await ask(missingOf(example));
    if ('404' in operationOf(example.operationId).responses) expect(status).toBe(404);
    expect((await ask(example, { of: broken })).text).toContain('database_unavailable');
    if (example.method !== 'POST') return;
    const json = { ...example, contentType: 'application/json' };
    expect((await ask({ ...json, body: '{' })).text).toContain('invalid_json');
    expect((await ask(json, { bytes: Uint8Array.of(0x22, 0xff, 0x22) })).text).toContain('invalid_encoding');
    expect((await ask({ ...json, contentType: 'text/csv', body: 'a' })).status).toBe(415);
    expect((await ask({ ...json, body: ' '.repeat(1024 * 1024 + 1) })).status).toBe(413);
  });

  test('what the tail sends is as described: an event, and a goodbye', async () => {
    const schemas = createApiSchemas(description);
    const tail = await openTail(query, '?sessionId=s-tail', { expiresInSeconds: 2 });
    await query.store([eventAt(6, { sessionId: 's-tail', context: { a: 1 } })]);
    await tail.ended;
    expect(tail.blocks.map(({ event }) => event)).toEqual(['message', 'bye']);
    const [event, bye] = tail.blocks.map(({ data }) => data);
    expect(schemas.errorsOf({ $ref: '#/components/schemas/TailEvent' }, event)).toBeUndefined();
    expect(schemas.errorsOf({ $ref: '#/components/schemas/TailBye' }, bye)).toBeUndefined();
    expect(bye).toMatchObject({ code: 'unauthenticated' });
    expect(
      schemas.errorsOf({ $ref: '#/components/schemas/TailSkipped' }, { events: null, atMost: true }),
    ).toBeUndefined();
  });

  test('all that is described was seen', async () => {
    await seeTheRest();
    const unseen = query.api.unseen();
    const both = new Set(broken.api.unseen());
    expect(unseen.filter((each) => both.has(each) && !isOfTheProcess(each))).toEqual([]);
  });
});

/** What any request may meet: tests of the server, and of each part, see it. Events expire in series.int.test.ts. */
const isOfTheProcess = (unseen: string): boolean =>
  unseen.endsWith(' events_expired') ||
  // Of items of a request, of which there are none here.
  unseen.startsWith('Problem.errors') ||
  / (500|408)( |$)/.test(unseen) ||
  / (internal|not_ready|overloaded|request_timeout)$/.test(unseen) ||
  /^(livez|readyz|openapi|docs) /.test(unseen);

/** The example, of something that is not there; the same where the address names nothing. */
function missingOf(example: ExampleRequest): ExampleRequest {
  const parameters = (operationOf(example.operationId).parameters ?? []) as { in?: string }[];
  if (!parameters.some((parameter) => parameter.in === 'path')) return example;
  const none = example.operationId === 'readEvent' ? id(9) : '99999';
  return { ...example, path: example.path.replace(/^(\/v1\/[\w-]+\/)[^/?]+/, `$1${none}`) };
}

function operationOf(operationId: string) {
  const all = Object.values(description.paths).flatMap((methods) => Object.values(methods));
  const found = all.find((operation) => operation.operationId === operationId);
  if (!found) throw new Error(`there is no operation ${operationId}`);
  return found;
}

function withParameter(path: string, name: string, value: string): string {
  const [address, query] = path.split('?') as [string, string | undefined];
  const parameters = new URLSearchParams(query);
  parameters.set(name, value);
  return `${address}?${parameters}`;
}

/** What of JSON an operation takes. */
function bodyOf(operationId: string): { schema: { properties: object } } {
  const { requestBody } = operationOf(operationId) as { requestBody?: { content: Record<string, unknown> } };
  return requestBody?.content['application/json'] as { schema: { properties: object } };
}

/** Names of those of the query string. */
function parametersOf(operationId: string): string[] {
  const parameters = (operationOf(operationId).parameters ?? []) as { $ref?: string; name: string; in: string }[];
  return parameters.flatMap(({ $ref, name, in: place }) => {
    if ($ref) return $ref.split('/').at(-1) as string;
    return place === 'query' ? name : [];
  });
}

/** What no example shows. */
async function seeTheRest(): Promise<void> {
  const post = (path: string, body?: object) =>
    ask({ method: 'POST', path, ...(body && { contentType: 'application/json', body: JSON.stringify(body) }) });
  const get = (path: string) => ask({ method: 'GET', path });
  await post('/v1/dead-letters/2/replay', { dryRun: true });
  await post('/v1/dead-letters/4/replay');
  await post('/v1/dead-letters/replay', { dryRun: true });
  await get('/v1/dead-letters/causes?limit=1');
  logIsAway = true;
  await query.seeLog();
  for (const { operationId } of examples.filter((each) => /^(list|read)/.test(each.operationId))) {
    await ask(byId(operationId));
  }
  await get(`/v1/events/${id(9)}`);
  expect((await post('/v1/dead-letters/2/replay')).status).toBe(503);
  expect((await post('/v1/dead-letters/replay')).status).toBe(503);
  logIsAway = false;
  await post('/v1/dead-letters/2/replay');
  await post('/v1/dead-letters/replay');
  for (const n of [1, 2, 4]) await get(`/v1/dead-letters/${n}`);
  for (const n of [1, 2]) await get(`/v1/events/${id(n)}?sessionId=s-6`);
  await get('/v1/dead-letters');
  await get(byId('readEvent').path.split('?', 1)[0] as string);
  await get('/v1/sessions/s-2/trace?format=otlp');
  for (const part of ['navigation', 'gaps']) await get(`/v1/sessions/s-long/${part}`);
  for (const user of ['u-6', 'u-7']) await get(`/v1/users/${user}/export`);
  const stranger = { projectId: 9, subject: 'tester', scopes: SCOPES, expiresInSeconds: 60 };
  const credential = await signAccessToken(stranger, SECRET);
  for (const path of ['/v1/metrics/latest', '/metrics/latest']) await ask({ method: 'GET', path }, { credential });
  const text = await ask({ method: 'GET', path: '/analytics?timestamp=1' }, { accept: 'text/plain' });
  expect(text.text).toContain('unique_users,0');
}
