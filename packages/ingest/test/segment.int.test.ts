import { createRequire } from 'node:module';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Analytics } from '@segment/analytics-node';
import { type LoggedEvent, uuidV8 } from '@wayline/contracts';
import { type CallerSettings, emptySettings } from '@wayline/settings';
import { type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';

const RudderAnalytics = createRequire(import.meta.url)(
  '@rudderstack/rudder-sdk-node',
) as typeof import('@rudderstack/rudder-sdk-node');

let ingest: IngestUnderTest;
let rules: CallerSettings;
beforeAll(async () => {
  ingest = await startIngest({ settings: { ...emptySettings(), key: () => rules, project: () => rules } });
});
afterAll(() => ingest.close());
beforeEach(async () => {
  rules = { rates: {} };
  await ingest.forget();
});

const basic = (user = writeKey()) => ({ authorization: `Basic ${Buffer.from(`${user}:`).toString('base64')}` });
const send = (call: string, body: object) => ingest.post(`/v1/${call}`, body, { headers: basic() });
const timestamp = new Date(Date.now() - 60_000).toISOString();
const day = timestamp.slice(0, 10);
const message = (more: object = {}) => ({
  messageId: 'm-1',
  userId: 'u-1',
  event: 'Order Completed',
  timestamp,
  ...more,
});
const theEvent = async () => {
  const [logged, ...others] = await ingest.logged();
  expect(others).toEqual([]);
  return logged?.event as LoggedEvent['event'];
};

describe('C4, issue 6.4: real clients, unchanged but for the host', () => {
  test('@segment/analytics-node', async () => {
    const analytics = new Analytics({ writeKey: writeKey(), host: ingest.url, flushAt: 6, maxRetries: 0 });
    const errors: unknown[] = [];
    analytics.on('error', (error) => errors.push(error));
    analytics.identify({ userId: 'u-1', traits: { email: 'a@b.example' } });
    analytics.track({ userId: 'u-1', event: 'Order Completed', messageId: 'm-1', properties: { revenue: 19.5 } });
    analytics.page({ anonymousId: 'a-1', name: 'Cart', properties: { path: '/cart' } });
    analytics.screen({ anonymousId: 'a-1', name: 'Home' });
    analytics.group({ userId: 'u-1', groupId: 'g-1', traits: { name: 'Example Ltd' } });
    analytics.alias({ userId: 'u-1', previousId: 'a-1' });
    await analytics.closeAndFlush();
    expect(errors).toEqual([]);
    const events = (await ingest.logged()).map(({ event }) => event);
    expect(events.map(({ type }) => type).sort()).toEqual(
      ['identify', 'Order Completed', 'pageVisit', 'screenVisit', 'group', 'alias'].sort(),
    );
    const track = events.find(({ type }) => type === 'Order Completed');
    expect(track).toMatchObject({
      eventId: uuidV8(1, 'segment', '', 'm-1'),
      userId: 'u-1',
      value: 19.5,
      platform: 'server',
      source: { kind: 'microservice', name: '@segment/analytics-node' },
      context: { revenue: 19.5, _segment: { type: 'track', messageId: 'm-1' } },
    });
    expect(events.find(({ type }) => type === 'pageVisit')).toMatchObject({
      target: 'Cart',
      page: '/cart',
      platform: 'web',
    });
    expect(JSON.stringify(events)).not.toMatch(/a@b\.example|Example Ltd|wlk_/);
  });

  test('@rudderstack/rudder-sdk-node', async () => {
    const rudder = new RudderAnalytics(writeKey(), { dataPlaneUrl: ingest.url, flushAt: 20 });
    rudder.track({ userId: 'u-1', event: 'Order Completed', properties: { value: 3 }, messageId: 'm-1' } as never);
    rudder.identify({ userId: 'u-1', traits: { email: 'a@b.example' } });
    await rudder.flush();
    const events = (await ingest.arrived(2)).map(({ event }) => event);
    expect(events[0]).toMatchObject({
      eventId: uuidV8(1, 'segment', '', 'm-1'),
      type: 'Order Completed',
      userId: 'u-1',
      value: 3,
      platform: 'server',
      source: { kind: 'microservice', name: 'analytics-node' },
    });
    expect(JSON.stringify(events)).not.toContain('a@b.example');
  });

  test('I6: a client whose key is refused is told so, and gives the events up', async () => {
    const analytics = new Analytics({ writeKey: 'wrong', host: ingest.url, maxRetries: 0 });
    const failed = new Promise<unknown>((resolve) => analytics.on('error', resolve));
    analytics.track({ userId: 'u-1', event: 'Order Completed' });
    await analytics.closeAndFlush();
    expect(JSON.stringify(await failed)).toContain('delivery_failure');
    expect(await ingest.logged()).toEqual([]);
  });
});

describe('issue 6.4: the key', () => {
  test.each([
    { where: 'Basic, as user name', body: message(), credential: null, headers: basic, query: '' },
    { where: 'writeKey in the body', body: message({ writeKey: writeKey() }), credential: null, query: '' },
    { where: 'bearer', body: message(), credential: undefined, query: '' },
    { where: '?key=', body: message(), credential: null, query: `?key=${writeKey()}` },
  ])('$where', async ({ body, credential, headers, query }) => {
    const answer = await ingest.post(`/v1/track${query}`, body, { credential, headers: headers?.() });
    expect(answer).toMatchObject({ status: 200, body: { success: true } });
    expect(JSON.stringify(await theEvent())).not.toContain('wlk_');
  });

  test("a browser's batch has it in the body, as plain text without a preflight", async () => {
    const batch = { writeKey: writeKey(), batch: [message({ type: 'track', writeKey: writeKey() })] };
    for (const path of ['/v1/batch', '/v1/b']) {
      const headers = { 'content-type': 'text/plain', origin: 'https://shop.example' };
      expect((await ingest.post(path, JSON.stringify(batch), { credential: null, headers })).status).toBe(200);
    }
    expect(JSON.stringify(await ingest.logged())).not.toContain('wlk_');
  });

  test.each([
    { body: message(), status: 401 },
    { body: message({ writeKey: 7 }), status: 401 },
    { body: message({ writeKey: `${writeKey()}0` }), status: 401 },
    { body: '{', status: 401 },
  ])('none, or a wrong one: %j', async ({ body, status }) => {
    const answer = await ingest.post('/v1/track', body, { credential: null });
    expect(answer).toMatchObject({ status, body: { code: 'unauthenticated' } });
  });

  test('I2, I7: what is set for the key holds where it comes in the body', async () => {
    rules = { rates: {}, origins: ['https://shop.example'], bodyBytes: 1000 };
    const track = (more: object, origin: string) =>
      ingest.post('/v1/track', message({ writeKey: writeKey(), ...more }), { credential: null, headers: { origin } });
    expect((await track({}, 'https://evil.example')).status).toBe(403);
    expect((await track({}, 'https://shop.example')).status).toBe(200);
    expect((await track({ properties: { a: 'x'.repeat(1000) } }, 'https://shop.example')).status).toBe(413);
    rules = { rates: {}, refused: 'revoked' };
    expect((await track({}, 'https://shop.example')).status).toBe(401);
    expect(await ingest.logged()).toHaveLength(1);
  });

  test('Basic is for this API alone', async () => {
    const answer = await ingest.post('/v1/events', { sessionId: 's', type: 'x' }, { headers: basic() });
    expect(answer.status).toBe(401);
  });
});

describe('issue 6.4: what becomes of a message', () => {
  const context = {
    ip: '192.0.2.7',
    userAgent: 'Browser/1',
    app: { name: 'Shop', version: '2.1', build: '9' },
    device: { type: 'ios', model: 'x' },
    os: { name: 'iOS' },
    screen: { width: 1 },
    timezone: 'Europe/Berlin',
    library: { name: 'analytics-ios', version: '4' },
    page: undefined,
    traits: { email: 'a@b.example' },
  };

  test('of an app: who reports, on what, and the rest of its context', async () => {
    await send(
      'track',
      message({ anonymousId: 'a-1', properties: { value: '7.5', sku: 'x' }, context, channel: 'mobile', odd: 1 }),
    );
    const { ip: _ip, traits: _traits, userAgent: _agent, page: _page, ...rest } = context;
    expect(await theEvent()).toEqual({
      eventId: uuidV8(1, 'segment', '', 'm-1'),
      sessionId: expect.stringMatching(/^anon-[0-9a-f-]{36}$/),
      type: 'Order Completed',
      occurredAt: timestamp,
      userId: 'u-1',
      anonymousId: 'a-1',
      userAgent: 'Browser/1',
      value: 7.5,
      platform: 'mobile',
      source: { kind: 'app', name: 'Shop', version: '2.1' },
      context: {
        value: '7.5',
        sku: 'x',
        _segment: { type: 'track', messageId: 'm-1', channel: 'mobile', odd: 1, context: rest },
      },
    });
  });

  test("of a page: its path, its referrer, and its host as the app's name", async () => {
    const page = { url: 'https://shop.example/cart?x=1', path: '/cart', referrer: 'https://a.example/', title: 'Cart' };
    const library = { name: 'analytics.js', version: 'next-1' };
    const app = { name: 'RudderLabs JavaScript SDK', namespace: 'com.rudderlabs.javascript' };
    await ingest.post('/v1/p', message({ name: 'Cart', context: { page, library, app, sessionId: 1662393792 } }), {
      headers: { ...basic(), 'user-agent': 'Request/1' },
    });
    expect(await theEvent()).toMatchObject({
      sessionId: '1662393792',
      type: 'pageVisit',
      target: 'Cart',
      page: '/cart',
      referrer: 'https://a.example/',
      platform: 'web',
      source: { kind: 'app', name: 'shop.example' },
      userAgent: 'Request/1',
    });
  });

  test('a session of their own is the day, as sent, of the anonymous id, else of the user', async () => {
    const sessionOf = async (more: object) => {
      await send('track', message({ messageId: JSON.stringify(more), ...more }));
      return (await ingest.logged()).find(
        ({ event }) =>
          event.context?._segment && JSON.stringify(event.context).includes(JSON.stringify(JSON.stringify(more))),
      )?.event.sessionId;
    };
    const dayBefore = new Date(Date.parse(timestamp) - 86_400_000).toISOString();
    expect(await sessionOf({ userId: 'u-1', a: 1 })).toBe(`anon-${uuidV8('u-1', day)}`);
    expect(await sessionOf({ userId: 'u-1', anonymousId: 'a-1' })).toBe(`anon-${uuidV8('a-1', day)}`);
    expect(await sessionOf({ userId: null, anonymousId: 'a-1' })).toBe(`anon-${uuidV8('a-1', day)}`);
    expect(await sessionOf({ timestamp: dayBefore })).toBe(`anon-${uuidV8('u-1', dayBefore.slice(0, 10))}`);
    expect(await sessionOf({ context: { sessionId: 's-9' } })).toBe('s-9');
  });

  test('T6: a retry has the same id, time and session, though it is sent later', async () => {
    const at = (ms: number) => new Date(Date.now() - ms).toISOString();
    await send('batch', { batch: [message({ type: 'track' })], sentAt: at(0) });
    await send('batch', { batch: [message({ type: 'track' })], sentAt: at(2 * 3_600_000) });
    const [first, second] = (await ingest.logged()).map(({ event }) => event);
    expect(second).toEqual(first);
  });

  test('the clock is corrected by sentAt: of the message, else of the batch', async () => {
    const at = (ms: number) => new Date(Date.now() - ms).toISOString();
    const batch = ['a', 'b', 'c'].map((messageId) => message({ type: 'track', messageId }));
    Object.assign(batch[1] as object, { sentAt: at(3_600_000) });
    await send('batch', { batch, sentAt: at(7_200_000) });
    const skews = (await ingest.logged()).map(({ skew }) => Math.round((skew ?? 0) / 60_000));
    expect(skews).toEqual([120, 60, 120]);
  });

  test('the context of a batch is shared by its messages', async () => {
    await send('batch', { batch: [message({ type: 'track' })], context: { app: { name: 'Shop' } } });
    expect((await theEvent()).source).toEqual({ kind: 'app', name: 'Shop' });
  });

  test.each([
    { call: 'identify', traits: { email: 'a@b.example' }, context: { traits: { email: 'a@b.example' } } },
    { call: 'group', traits: { name: 'Ltd' }, context: { traits: { name: 'Ltd' }, _segment: { groupId: 'g-1' } } },
  ])(
    'T9: traits of $call are kept as context, and only where the project permits it',
    async ({ call, traits, context }) => {
      const body = message({ event: undefined, traits, groupId: 'g-1', context: { traits: { plan: 'pro' } } });
      await send(call, body);
      rules = { rates: {}, allowTraits: true };
      await send(call, { ...body, messageId: 'm-2' });
      const [without, withThem] = (await ingest.logged()).map(({ event }) => event);
      expect(JSON.stringify(without)).not.toMatch(/a@b\.example|Ltd|pro/);
      expect(withThem?.context).toMatchObject({ ...context, _segment: { context: { traits: { plan: 'pro' } } } });
    },
  );

  test('T9: an address is never kept', async () => {
    await send('track', message({ context, ip: '192.0.2.7', request_ip: '192.0.2.7' }));
    expect(JSON.stringify(await ingest.logged())).not.toContain('192.0.2.7');
  });

  test('texts of the context that are longer than their fields are cut, and other types passed over', async () => {
    const long = 'x'.repeat(3000);
    const odd = { page: { path: long, referrer: 7, url: 'no url' }, userAgent: long, app: { name: long }, device: 'x' };
    expect((await send('track', message({ context: odd }))).status).toBe(200);
    const event = await theEvent();
    expect([event.page?.length, event.userAgent?.length, event.source?.name.length]).toEqual([2048, 512, 128]);
  });
});

describe('T8, issue 6.4: what is wrong is told by the fields of the message', () => {
  test.each([
    { call: 'track', more: { event: undefined }, pointer: '/event', code: 'missing_field' },
    { call: 'track', more: { event: 'x'.repeat(257) }, pointer: '/event', code: 'too_long' },
    { call: 'track', more: { userId: null }, pointer: '/anonymousId', code: 'missing_field' },
    { call: 'track', more: { userId: {} }, pointer: '/userId', code: 'wrong_type' },
    { call: 'track', more: { userId: 'x'.repeat(257) }, pointer: '/userId', code: 'too_long' },
    { call: 'track', more: { timestamp: 'noon' }, pointer: '/timestamp', code: 'invalid_format' },
    {
      call: 'track',
      more: { timestamp: null, originalTimestamp: 'x' },
      pointer: '/originalTimestamp',
      code: 'invalid_format',
    },
    { call: 'track', more: { timestamp: '2001-01-01T00:00:00Z' }, pointer: '/timestamp', code: 'time_too_old' },
    { call: 'track', more: { sentAt: 'x' }, pointer: '/sentAt', code: 'invalid_format' },
    { call: 'track', more: { messageId: 'x\0' }, pointer: '/messageId', code: 'contains_nul' },
    { call: 'track', more: { properties: { a: 'x\0' } }, pointer: '/properties/a', code: 'contains_nul' },
    { call: 'track', more: { properties: { _segment: 1 } }, pointer: '/properties/_segment', code: 'not_allowed' },
    { call: 'track', more: { context: { os: { name: 'x\0' } } }, pointer: '/context/os/name', code: 'contains_nul' },
    {
      call: 'track',
      more: { properties: { a: 'x'.repeat(40_000) } },
      pointer: '/properties',
      code: 'context_too_large',
    },
    { call: 'page', more: { name: 'x\0' }, pointer: '/name', code: 'contains_nul' },
  ])('$call $pointer: $code', async ({ call, more, pointer, code }) => {
    const answer = await send(call, message(more));
    expect(answer).toMatchObject({ status: 422, body: { code: 'no_valid_events' } });
    expect(answer.body.errors).toEqual([expect.objectContaining({ index: 0, pointer, code })]);
    expect(await ingest.logged()).toEqual([]);
  });

  test('of a batch the good ones are taken', async () => {
    const batch = [
      message({ type: 'track' }),
      message({ type: 'delete' }),
      7,
      message({ type: 'alias', messageId: 'm-2' }),
    ];
    const { status, body } = await send('batch', { batch });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        success: true,
        rejected: [
          { index: 1, errors: [{ pointer: '/type', code: 'not_allowed' }] },
          { index: 2, errors: [{ pointer: '', code: 'not_an_object' }] },
        ],
      },
    });
    expect(await ingest.logged()).toHaveLength(2);
  });

  test.each([
    { body: {}, status: 400, code: 'invalid_request' },
    { body: [], status: 400, code: 'invalid_request' },
    { body: { batch: [] }, status: 422, code: 'no_valid_events' },
    { body: { batch: [message()], sentAt: 'x' }, status: 400, code: 'invalid_request' },
    { body: { batch: Array(2501).fill(0) }, status: 413, code: 'too_many_events' },
  ])('a batch that is none: $code', async ({ body, status, code }) => {
    expect(await send('batch', body)).toMatchObject({ status, body: { code } });
  });
});
