import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type LoggedEvent, uuidV8 } from '@wayline/contracts';
import { CloudEvent, emitterFor, HTTP, httpTransport, Mode } from 'cloudevents';
import { type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';

let ingest: IngestUnderTest;
beforeAll(async () => {
  ingest = await startIngest();
});
afterAll(() => ingest.close());
beforeEach(() => ingest.forget());

const SOURCE = 'https://shop.example/checkout';
const time = new Date(Date.now() - 60_000).toISOString();
const attributes = (more: object = {}) => ({
  specversion: '1.0',
  id: 'A-1',
  source: SOURCE,
  type: 'click',
  time,
  sessionid: 's-1',
  ...more,
});
const STRUCTURED = { 'content-type': 'application/cloudevents+json; charset=UTF-8' };
const BATCH = { 'content-type': 'application/cloudevents-batch+json' };
const structured = (more: object = {}) => ingest.post('/v1/events', attributes(more), { headers: STRUCTURED });
const events = async () => (await ingest.logged()).map(({ event }) => event);
const theEvent = async () => {
  const [event, ...others] = await events();
  expect(others).toEqual([]);
  return event as LoggedEvent['event'];
};

const eventId = uuidV8(1, 'cloudevents', SOURCE, 'A-1');
const ofTheSdk = (more: object = {}) =>
  new CloudEvent({
    ...attributes(more),
    specversion: undefined,
    subject: 'pay-button',
    userid: 'u-7',
    data: { amount: 12.5 },
  });
const asLogged = {
  eventId,
  sessionId: 's-1',
  type: 'click',
  occurredAt: time,
  userId: 'u-7',
  target: 'pay-button',
  source: { kind: 'microservice', name: SOURCE },
  context: { amount: 12.5, _cloudevent: { id: 'A-1', source: SOURCE } },
};

describe('C4, issue 6.3: the CloudEvents SDK sends', () => {
  test.each([
    { mode: Mode.STRUCTURED, name: 'structured' },
    { mode: Mode.BINARY, name: 'binary' },
  ])('in $name mode', async ({ mode }) => {
    const emit = emitterFor(httpTransport(`${ingest.url}/v1/events`), { mode });
    const answer = (await emit(ofTheSdk(), { headers: { authorization: `Bearer ${writeKey()}` } })) as { body: string };
    expect(JSON.parse(answer.body)).toEqual({ accepted: 1, rejected: [], ids: [eventId] });
    expect(await theEvent()).toEqual(asLogged);
  });

  test('in batch mode', async () => {
    const batch = [ofTheSdk(), ofTheSdk({ id: 'A-2' })].map((event) => JSON.parse(String(HTTP.structured(event).body)));
    const answer = await ingest.post('/v1/events', batch, { headers: BATCH });
    expect(answer).toMatchObject({ status: 202, body: { accepted: 2, rejected: [] } });
    const logged = await events();
    expect(logged[0]).toEqual(asLogged);
    expect(logged.map((event) => event.eventId)).toEqual(answer.body.ids);
  });

  test('T6: the same event once more has the same id, whatever mode it comes in', async () => {
    const { headers, body } = HTTP.binary(ofTheSdk());
    const binary = await ingest.post('/v1/events', body, { headers: headers as Record<string, string> });
    const again = await structured({ subject: 'pay-button', userid: 'u-7', data: { amount: 12.5 } });
    expect([binary.body.ids, again.body.ids]).toEqual([[eventId], [eventId]]);
    const other = await ingest.post('/v1/events', attributes(), {
      headers: STRUCTURED,
      credential: writeKey({ projectId: 2 }),
    });
    expect(other.body.ids).not.toEqual([eventId]);
  });

  test('id and source together are the id: neither alone, nor both written into one', async () => {
    const batch = [{}, { id: 'A-2' }, { source: `${SOURCE}A` }, { source: `${SOURCE}A`, id: '-1' }].map(attributes);
    const { body } = await ingest.post('/v1/events', batch, { headers: BATCH });
    expect(new Set(body.ids).size).toBe(4);
  });
});

describe('issue 6.3: what becomes of an event', () => {
  test('extensions of our names are fields, others are kept', async () => {
    const ours = {
      anonymousid: 'a-1',
      machineid: 'm-1',
      platform: 'web',
      namespace: 'frontend',
      page: '/cart',
      referrer: 'https://a.example/',
      useragent: 'Browser/1',
      value: '3.5',
      seq: 4,
      sourcekind: 'app',
      sourcename: 'shop',
      sourceversion: '1.2',
      sourceinstance: 'i-1',
    };
    const theirs = { partitionkey: 'p', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    expect((await structured({ ...ours, ...theirs, dataschema: 'https://a.example/schema' })).status).toBe(202);
    expect(await theEvent()).toMatchObject({
      anonymousId: 'a-1',
      machineId: 'm-1',
      platform: 'web',
      namespace: 'frontend',
      page: '/cart',
      referrer: 'https://a.example/',
      userAgent: 'Browser/1',
      value: 3.5,
      seq: 4,
      source: { kind: 'app', name: 'shop', version: '1.2', instance: 'i-1' },
      context: { _cloudevent: { id: 'A-1', source: SOURCE, dataschema: 'https://a.example/schema', ...theirs } },
    });
  });

  test.each([
    { data: { a: 1 }, context: { a: 1 } },
    { data: [1, 2], context: { data: [1, 2] } },
    { data: 'text', context: { data: 'text' } },
    { data: false, context: { data: false } },
    { data: null, context: {} },
    { data_base64: Buffer.from('{"a":1}').toString('base64'), context: { a: 1 } },
    { data_base64: 'AAEC', datacontenttype: 'application/octet-stream', context: { data_base64: 'AAEC' } },
    { data_base64: 'AAEC', context: { data_base64: 'AAEC' } },
    { data: '<a/>', datacontenttype: 'application/xml', context: { data: '<a/>' } },
  ])('data as context: %j', async ({ context, ...more }) => {
    expect((await structured(more)).status).toBe(202);
    const { _cloudevent, ...others } = (await theEvent()).context ?? {};
    expect(others).toEqual(context);
    expect(_cloudevent).toMatchObject({ id: 'A-1', source: SOURCE });
  });

  test.each([
    { type: 'text/plain', body: 'hällo', context: { data: 'hällo' } },
    { type: 'application/vnd.shop+json', body: '{"a":1}', context: { a: 1 } },
    { type: 'application/octet-stream', body: new Uint8Array([0, 255]), context: { data_base64: 'AP8=' } },
    { type: 'text/plain', body: new Uint8Array([0, 255]), context: { data_base64: 'AP8=' } },
  ])('binary mode: a body of $type', async ({ type, body, context }) => {
    const headers = Object.fromEntries(Object.entries(attributes()).map(([name, value]) => [`ce-${name}`, value]));
    expect((await ingest.post('/v1/events', body, { headers: { ...headers, 'content-type': type } })).status).toBe(202);
    const { _cloudevent, ...others } = (await theEvent()).context ?? {};
    expect(others).toEqual(context);
  });

  test('binary mode: no body is no data, and headers are decoded as the binding says', async () => {
    const headers = {
      ...Object.fromEntries(Object.entries(attributes()).map(([name, value]) => [`ce-${name}`, value])),
      'content-type': null,
      'ce-subject': '"Z%C3%BCrich \\"West\\" %E2%82%AC"',
      'ce-value': '7',
    };
    expect((await ingest.post('/v1/events', undefined, { headers })).status).toBe(202);
    const event = await theEvent();
    expect(event).toMatchObject({ target: 'Zürich "West" €', value: 7 });
    expect(event.context).toEqual({ _cloudevent: { id: 'A-1', source: SOURCE } });
  });

  test("data that is an event of ours, as `dataschema` says, gives the event's fields", async () => {
    const data = { page: '/cart', userId: 'u-1', source: { kind: 'app', name: 'shop' }, context: { a: 1 } };
    expect((await structured({ dataschema: 'urn:wayline:event:1', data })).status).toBe(202);
    expect(await theEvent()).toMatchObject({ eventId, type: 'click', ...data, context: { a: 1, _cloudevent: {} } });
  });

  test('the session: an extension, else the header, else the address', async () => {
    const none = { sessionid: undefined };
    await ingest.post('/v1/events', attributes(none), { headers: { ...STRUCTURED, 'wayline-session': 's-header' } });
    await ingest.post('/v1/sessions/s-address/events', attributes(none), { headers: STRUCTURED });
    await ingest.post('/v1/events', attributes(), { headers: { ...STRUCTURED, 'wayline-session': 's-header' } });
    expect((await events()).map(({ sessionId }) => sessionId).sort()).toEqual(['s-1', 's-address', 's-header']);
  });

  test('a long source is cut in the name of who reports, and kept whole beside it', async () => {
    const source = `https://shop.example/${'x'.repeat(300)}`;
    expect((await structured({ source })).status).toBe(202);
    const event = await theEvent();
    expect(event.source?.name).toBe(source.slice(0, 128));
    expect(event.context).toMatchObject({ _cloudevent: { source } });
  });

  test('without a time it is the time of receipt, and a retry has the same id', async () => {
    const before = Date.now();
    await structured({ time: undefined });
    const [logged] = await ingest.logged();
    expect(logged?.event.occurredAt).toBeUndefined();
    expect(logged?.receivedAt).toBeGreaterThanOrEqual(before);
    expect(logged?.event.eventId).toBe(eventId);
  });
});

describe('T8, issue 6.3: what is wrong is told by the names of the attributes', () => {
  test.each([
    { more: { specversion: undefined }, pointer: '/specversion', code: 'missing_field' },
    { more: { specversion: '0.3' }, pointer: '/specversion', code: 'not_allowed' },
    { more: { id: undefined }, pointer: '/id', code: 'missing_field' },
    { more: { id: '' }, pointer: '/id', code: 'too_short' },
    { more: { id: 'a\0' }, pointer: '/id', code: 'contains_nul' },
    { more: { source: 7 }, pointer: '/source', code: 'wrong_type' },
    { more: { type: 'x'.repeat(257) }, pointer: '/type', code: 'too_long' },
    { more: { time: 'yesterday' }, pointer: '/time', code: 'invalid_format' },
    { more: { time: '2001-01-01T00:00:00Z' }, pointer: '/time', code: 'time_too_old' },
    { more: { subject: 'x'.repeat(513) }, pointer: '/subject', code: 'too_long' },
    { more: { sessionid: undefined }, pointer: '/sessionid', code: 'missing_field' },
    { more: { sessionId: 's-1' }, pointer: '/sessionId', code: 'unknown_field' },
    { more: { userid: { a: 1 } }, pointer: '/userid', code: 'wrong_type' },
    { more: { platform: 'toaster' }, pointer: '/platform', code: 'not_allowed' },
    { more: { sourcekind: 'cron' }, pointer: '/sourcekind', code: 'not_allowed' },
    { more: { value: 'much' }, pointer: '/value', code: 'wrong_type' },
    { more: { seq: -1 }, pointer: '/seq', code: 'out_of_range' },
    { more: { data: { a: { b: 'x\0' } } }, pointer: '/data/a/b', code: 'contains_nul' },
    { more: { data: { _cloudevent: 1 } }, pointer: '/data/_cloudevent', code: 'not_allowed' },
    { more: { data: {}, data_base64: 'AAEC' }, pointer: '/data_base64', code: 'not_allowed' },
    { more: { data_base64: '???' }, pointer: '/data_base64', code: 'invalid_format' },
    {
      more: { data_base64: 'AAEC', datacontenttype: 'application/json' },
      pointer: '/data_base64',
      code: 'invalid_json',
    },
    { more: { dataschema: 'urn:wayline:event:1', data: 7 }, pointer: '/data', code: 'not_an_object' },
    { more: { dataschema: 'urn:wayline:event:1', data: { type: 'x' } }, pointer: '/data/type', code: 'not_allowed' },
    { more: { dataschema: 'urn:wayline:event:1', data: { pge: 'x' } }, pointer: '/data/pge', code: 'unknown_field' },
  ])('$pointer: $code', async ({ more, pointer, code }) => {
    const answer = await structured(more);
    expect(answer).toMatchObject({ status: 422, body: { code: 'no_valid_events' } });
    expect(answer.body.errors).toEqual([expect.objectContaining({ index: 0, pointer, code })]);
    expect(await ingest.logged()).toEqual([]);
  });

  test('in a batch the good ones are taken, and each bad one says its place', async () => {
    const batch = [attributes(), attributes({ id: undefined }), 7, attributes({ id: 'A-3', time: 'x' })];
    const { status, body } = await ingest.post('/v1/events', [...batch, attributes({ id: 'A-4' })], { headers: BATCH });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      accepted: 2,
      rejected: [
        { index: 1, errors: [{ pointer: '/id', code: 'missing_field' }] },
        { index: 2, errors: [{ pointer: '', code: 'not_an_object' }] },
        { index: 3, errors: [{ pointer: '/time', code: 'invalid_format' }] },
      ],
    });
    expect((await events()).map(({ context }) => context?._cloudevent)).toMatchObject([{ id: 'A-1' }, { id: 'A-4' }]);
  });

  test.each([
    { headers: BATCH, body: {}, status: 400, code: 'invalid_request' },
    { headers: BATCH, body: [], status: 422, code: 'no_valid_events' },
    { headers: STRUCTURED, body: '{', status: 400, code: 'invalid_json' },
    {
      headers: { 'content-type': 'application/cloudevents+avro' },
      body: 'x',
      status: 415,
      code: 'unsupported_media_type',
    },
    { headers: { 'ce-id': '1', 'ce-specversion': '1.0' }, body: '{', status: 400, code: 'invalid_json' },
  ])('a request that holds no events: $code', async ({ headers, body, status, code }) => {
    expect(await ingest.post('/v1/events', body, { headers })).toMatchObject({ status, body: { code } });
  });

  test('T3: 2500 events are taken, 2501 are too many', async () => {
    const many = Array.from({ length: 2501 }, () => attributes({ id: randomUUID() }));
    expect((await ingest.post('/v1/events', many, { headers: BATCH })).body.code).toBe('too_many_events');
    expect((await ingest.post('/v1/events', many.slice(1), { headers: BATCH })).body.accepted).toBe(2500);
  });

  test('a page may send the headers of an event', async () => {
    const response = await fetch(`${ingest.url}/v1/events`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://shop.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,ce-id,ce-mine,x-evil',
      },
    });
    const allowed = response.headers.get('access-control-allow-headers') ?? '';
    expect(allowed).toContain('ce-id, ce-mine');
    expect(allowed).not.toContain('evil');
  });
});
