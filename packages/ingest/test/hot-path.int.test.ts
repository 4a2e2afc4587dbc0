import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CallerSettings, emptySettings } from '@wayline/settings';
import type { IngestOptions } from '../src/index.ts';
import { accessToken, type IngestUnderTest, type PostOptions, startIngest, writeKey } from './ingest-under-test.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const rules: Record<number, CallerSettings> = {
  2: { rates: {}, refused: 'revoked' },
  3: { rates: {}, refused: 'disabled' },
  4: { rates: {}, origins: ['https://shop.example'] },
  5: { rates: {}, bodyBytes: 100 },
};
const options: Partial<IngestOptions> = {
  now: () => NOW,
  settings: { ...emptySettings(), key: (projectId) => rules[projectId] ?? { rates: {} } },
};

let before: IngestUnderTest;
let behind: IngestUnderTest;
beforeAll(async () => {
  before = await startIngest({ ...options, hot: true });
  behind = await startIngest({ ...options, hot: false });
});
afterAll(async () => {
  await before.close();
  await behind.close();
});

const event = {
  eventId: '019b8e0b-3a00-7cc3-98c4-dc0c0c07398f',
  sessionId: 's-1',
  type: 'click',
  occurredAt: '2026-01-05T12:00:00.000Z',
};
const ofProject = (projectId: number) => ({ credential: writeKey({ projectId }) });
const from = (origin: string) => ({ headers: { origin } });
const type = (contentType: string) => ({ headers: { 'content-type': contentType } });

const exchanges: [string, unknown, PostOptions?, string?][] = [
  ['one event', event],
  ['a list', [event, { ...event, seq: 2 }]],
  ['{events, sentAt}', { events: [event], sentAt: NOW - 60_000 }],
  ['NDJSON', `${JSON.stringify(event)}\nnot JSON\n`, type('application/x-ndjson')],
  ['gzip', gzipSync(JSON.stringify(event)), { headers: { 'content-encoding': 'gzip' } }],
  ['some bad', [event, { ...event, colour: 'red' }, 7]],
  ['all bad', { type: 'click' }],
  ['nothing', []],
  ['no JSON', '{'],
  ['no UTF-8', Buffer.from([0xff, 0xfe])],
  ['not inflatable', 'x', { headers: { 'content-encoding': 'br' } }],
  ['too many', Array.from({ length: 2501 }, () => event)],
  ['too large', Buffer.alloc(8 * 1024 * 1024 + 1, ' ')],
  ['another media type', 'x', type('text/html')],
  ['another charset', 'x', type('application/json; charset=latin1')],
  ['too old', { ...event, occurredAt: '2025-01-05T12:00:00.000Z' }],
  ['a time that is none', event, { headers: { 'wayline-sent-at': 'yesterday' } }],
  ['no key', event, { credential: null }],
  ['a wrong key', event, { credential: 'wlk_1_test_w_00000000000000000000000000000000' }],
  ['the key in the address', event, { credential: null }, `?key=${writeKey()}`],
  ['two keys in the address', event, { credential: null }, `?key=${writeKey()}&key=${writeKey()}`],
  ['a revoked key', event, ofProject(2)],
  ['a closed project', event, ofProject(3)],
  ['a page that may', event, { ...ofProject(4), ...from('https://shop.example') }],
  ['a page that may not', event, { ...ofProject(4), ...from('https://evil.example') }],
  ['a page without a key', event, { credential: null, ...from('https://shop.example') }],
  ['more than the key may send at once', { ...event, target: 'x'.repeat(100) }, ofProject(5)],
];

test.each(exchanges.map(([name, ...rest]) => ({ name, rest })))(
  '$name: the same answer before express and behind it',
  async ({ rest }) => {
    const [body, request, query = ''] = rest;
    const token = request?.credential === undefined ? {} : { credential: request.credential };
    const send = (ingest: IngestUnderTest) =>
      ingest.post(`/v1/events${query}`, body, {
        ...token,
        headers: { 'x-request-id': 'the-same', ...request?.headers },
      });
    const [hot, cold] = await Promise.all([send(before), send(behind)]);
    expect(hot.status).toBe(cold.status);
    expect(hot.body).toEqual(cold.body);
    const shown = (headers: Headers) => [...headers].filter(([name]) => name !== 'date');
    expect(shown(hot.headers)).toEqual(shown(cold.headers));
  },
);

test('a token without the scope: the same answer', async () => {
  const credential = await accessToken(['read']);
  const hot = await before.post('/v1/events', event, { credential });
  expect(hot.status).toBe(403);
  expect(hot.body).toEqual((await behind.post('/v1/events', event, { credential })).body);
});

test('what was acknowledged stands in both logs alike, with the request that it came with', async () => {
  const told = async (ingest: IngestUnderTest) =>
    (await ingest.records()).map(({ key, value, headers }) => ({
      key: String(key),
      value: JSON.parse(String(value)),
      requestId: String(headers['wayline-request-id']),
    }));
  const hot = await told(before);
  expect(hot.length).toBeGreaterThan(8);
  expect(hot.every(({ requestId }) => requestId === 'the-same')).toBe(true);
  expect(hot).toEqual(await told(behind));
});

test('only POST /v1/events, as it is written, is answered before express', async () => {
  for (const path of ['/v1/events/', '/v1/eventsx', '/V1/events', '/v1/events%20']) {
    const hot = await before.post(path, event);
    const cold = await behind.post(path, event);
    expect([path, hot.status]).toEqual([path, cold.status]);
  }
  const answers = await Promise.all([before, behind].map(({ url }) => fetch(`${url}/v1/events`)));
  expect(answers.map(({ status }) => status)).toEqual([405, 405]);
});
