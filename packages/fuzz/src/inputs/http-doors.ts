import { ID_MARK, KEY_MARK } from './marks.ts';

/** A way in over HTTP, with what a client of its kind sends. */
export interface HttpDoor {
  name: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  /** A body that is good at that time (RFC 3339), with an id of its own for each input. */
  valid(time: string): object;
  /** Where the key goes. Default: a bearer. */
  credential?: 'body' | 'query' | 'basic';
}

const json = { 'content-type': 'application/json' };
const USER = '7b0f6f0e-6f0b-4a3e-9c53-3d9f0a1b2c3d';

const event = (time: string) => ({ eventId: ID_MARK, sessionId: 's', type: 'x', occurredAt: time });
const fullEvent = (time: string) => ({
  ...event(time),
  namespace: 'n',
  userId: 'u',
  anonymousId: 'a',
  machineId: 'm',
  platform: 'web',
  source: { kind: 'app', name: 'shop', version: '1', instance: 'i' },
  target: 't',
  page: '/a',
  referrer: 'https://a.example/',
  userAgent: 'Browser/1',
  value: 1.5,
  seq: 1,
  context: { a: { b: [1, 'é', null] } },
});
const cloudEvent = (time: string) => ({
  specversion: '1.0',
  id: ID_MARK,
  source: '/shop',
  type: 'click',
  time,
  sessionid: 's',
  value: 1,
  data: { a: 1 },
});
const message = (time: string) => ({
  type: 'track',
  messageId: ID_MARK,
  event: 'x',
  userId: 'u',
  timestamp: time,
  sentAt: time,
  properties: { value: 1 },
  context: { page: { url: 'https://a.example/b' }, app: { name: 'shop' }, os: { name: 'iOS' }, sessionId: 's' },
  traits: { a: 1 },
});
const structured = { 'content-type': 'application/cloudevents+json' };
const batched = { 'content-type': 'application/cloudevents-batch+json' };

/** Every form that ingest takes over HTTP with a body. */
export const HTTP_DOORS: readonly HttpDoor[] = [
  { name: 'an event', path: '/v1/events', headers: json, valid: fullEvent },
  { name: 'a list', path: '/v1/events', headers: json, valid: (time) => [event(time), fullEvent(time)] },
  {
    name: '{events, sentAt}',
    path: '/v1/events',
    headers: json,
    valid: (time) => ({ events: [event(time), event(time)], sentAt: time }),
  },
  { name: 'NDJSON', path: '/v1/events', headers: { 'content-type': 'application/x-ndjson' }, valid: fullEvent },
  {
    name: 'a beacon',
    path: '/v1/events',
    headers: { 'content-type': 'text/plain;charset=UTF-8', origin: 'https://shop.example' },
    valid: event,
    credential: 'query',
  },
  { name: 'the events of a session', path: '/v1/sessions/s/events', headers: json, valid: fullEvent },
  {
    name: 'the start of a session',
    path: '/v1/sessions',
    headers: json,
    valid: (time) => ({ sessionId: ID_MARK, startedAt: time, userId: 'u', source: { kind: 'app', name: 'shop' } }),
  },
  {
    name: 'the refresh of a session',
    path: '/v1/sessions/s/refresh',
    headers: json,
    valid: (time) => ({ sessionId: ID_MARK, startedAt: time, userId: 'u' }),
  },
  { name: 'the end of a session', path: '/v1/sessions/s/end', headers: json, valid: (time) => ({ endedAt: time }) },
  { name: 'CloudEvents, structured', path: '/v1/events', valid: cloudEvent, headers: structured },
  {
    name: 'CloudEvents, batch',
    path: '/v1/events',
    valid: (time) => [cloudEvent(time), cloudEvent(time)],
    headers: batched,
  },
  {
    name: 'CloudEvents of our schema',
    path: '/v1/events',
    valid: (time) => ({
      ...cloudEvent(time),
      dataschema: 'urn:wayline:event:1',
      data: { page: '/a', context: { b: 1 } },
    }),
    headers: structured,
  },
  { name: 'Segment, track', path: '/v1/track', headers: json, valid: message, credential: 'basic' },
  { name: 'Segment, page', path: '/v1/page', headers: json, valid: message },
  { name: 'Segment, screen', path: '/v1/screen', headers: json, valid: message },
  { name: 'Segment, identify', path: '/v1/identify', headers: json, valid: message },
  { name: 'Segment, group', path: '/v1/group', headers: json, valid: message },
  { name: 'Segment, alias', path: '/v1/alias', headers: json, valid: message },
  {
    name: 'Segment, batch',
    path: '/v1/batch',
    headers: json,
    valid: (time) => ({ batch: [message(time)], sentAt: time, context: {} }),
  },
  {
    name: 'Segment, the key in the body',
    path: '/v1/b',
    headers: { 'content-type': 'text/plain' },
    valid: (time) => ({ writeKey: KEY_MARK, batch: [message(time), message(time)] }),
    credential: 'body',
  },
  {
    name: '/api/track',
    path: '/api/track',
    headers: json,
    valid: (time) => ({ namespace: 'n', name: 'x', timestamp: time, value: 1 }),
  },
  { name: '/session', path: '/session', headers: json, valid: () => ({ userId: USER }) },
  {
    name: '/session/refresh',
    path: '/session/refresh',
    headers: json,
    valid: () => ({ userId: USER, sessionId: 's' }),
  },
  {
    name: '/track',
    path: '/track',
    headers: json,
    valid: () => ({ userId: 'u', action: 'pageVisit', origin: '/a', sessionId: 's' }),
  },
];
