import { eventSchema } from '../event-schema.ts';
import { LIMITS } from '../limits.ts';
import type { Area, Media, Operation, Parameter, Schema } from './operation.ts';
import { WRITES } from './problem-answers.ts';
import { SAMPLE } from './samples.ts';
import { count, integer, list, object, ref, text, uuid } from './schemas.ts';

const { $schema: _draft, $id: _id, ...event } = eventSchema;
const { source, occurredAt } = eventSchema.properties;

export const SAMPLE_EVENT_ID = '7b0f6f0e-6f0b-4a3e-9c53-3d9f0a1b2c3d';

const visit = {
  eventId: SAMPLE_EVENT_ID,
  sessionId: 's-2',
  type: 'pageVisit',
  occurredAt: SAMPLE.time,
  userId: 'u-7',
  machineId: 'm-3',
  platform: 'web',
  source: { kind: 'app', name: 'shop' },
  page: '/',
  value: 12.5,
  seq: 1,
  context: { campaign: 'spring' },
};
const next = { sessionId: 's-2', type: 'click', source: { kind: 'app', name: 'checkout' }, target: 'pay' };
const call = {
  sessionId: 's-2',
  type: 'serviceCall',
  machineId: 'm-3',
  source: { kind: 'microservice', name: 'cart' },
};
const cloudEvent = {
  specversion: '1.0',
  id: 'A-1',
  source: '/shop/checkout',
  type: 'purchase',
  time: SAMPLE.time,
  subject: 'order-7',
  sessionid: 's-4',
  userid: 'u-7',
  data: { amount: 12.5 },
};

const bodyOf = (name: string): Schema => ({
  description: 'One event, a list of events, or a list with the time of sending.',
  oneOf: [
    ref(name),
    list(ref(name)),
    {
      ...object(
        { events: list(ref(name)) },
        { sentAt: { ...occurredAt, description: 'When this was sent, by the clock of the sender.' } },
      ),
      additionalProperties: false,
    },
  ],
});

/** Without what is undefined. */
const plain = (given: object): object => JSON.parse(JSON.stringify(given)) as object;

/** Without the session, where the address names it. */
const eventContent = (inAddress: boolean): Record<string, Media> => {
  const own = (given: object) => (inAddress ? { ...given, sessionId: undefined, eventId: undefined } : given);
  const written = (given: object) => plain(own(given));
  const cloud = { ...cloudEvent, ...(inAddress && { id: 'A-2', sessionid: undefined }) };
  return {
    'application/json': {
      schema: ref(inAddress ? 'SessionEventsBody' : 'EventsBody'),
      examples: {
        'one event': written(visit),
        'a list': [written(next), written(call)],
        'with the time of sending': { sentAt: SAMPLE.time, events: [written(next)] },
      },
    },
    'application/x-ndjson': {
      schema: ref(inAddress ? 'SessionEvent' : 'Event'),
      examples: { lines: `${JSON.stringify(written(next))}\n${JSON.stringify(written(call))}\n` },
    },
    'text/plain': {
      schema: text('JSON, as of `application/json`: so that a page needs no preflight for its last beacon.'),
      examples: { 'a beacon': JSON.stringify(written({ sessionId: 's-4', type: 'pageLeft' })) },
    },
    'application/cloudevents+json': { schema: ref('CloudEvent'), examples: { structured: plain(cloud) } },
    'application/cloudevents-batch+json': {
      schema: list(ref('CloudEvent')),
      examples: { batch: [plain({ ...cloud, id: `${cloud.id}-b` })] },
    },
  };
};

/** Headers of whatever sends events. */
export const SENT_AT: Parameter = {
  name: 'Wayline-Sent-At',
  description:
    'When the request was sent, by the clock of the sender: RFC 3339, or epoch milliseconds. A clock that is off by more than 5 s is corrected for.',
  schema: { type: 'string' },
};
const SESSION: Parameter = {
  name: 'Wayline-Session',
  description: 'Of CloudEvents: their session, where they name none.',
  schema: { type: 'string' },
};

const sendEvents: Omit<Operation, 'id' | 'path' | 'summary' | 'body'> = {
  method: 'post',
  scope: 'write',
  headers: [SENT_AT, SESSION],
  success: {
    202: { description: 'All that was accepted is durable.', schema: ref('Accepted') },
  },
  problems: [...WRITES, 'too_many_events', 'no_valid_events'],
};

const limits = `At most ${LIMITS.eventsPerRequest} events and ${LIMITS.bodyBytes} bytes, inflated; \`Content-Encoding\` may be gzip, deflate or br.`;

/** `POST /v1/events`, and what is like it. */
export const events: Area = {
  name: 'Events',
  description: 'Sending events. An event is acknowledged once it is durable.',
  roles: ['ingest'],
  schemas: {
    Event: {
      ...event,
      properties: { ...event.properties, source: ref('Source') },
      examples: [{ sessionId: 's-2', type: 'pageVisit', page: '/', source: { kind: 'app', name: 'shop' } }],
    },
    Source: source,
    SessionEvent: {
      ...event,
      title: 'WaylineEventOfSession',
      description: 'An event of the session in the address.',
      required: ['type'],
      properties: { ...event.properties, source: ref('Source') },
    },
    EventsBody: bodyOf('Event'),
    SessionEventsBody: bodyOf('SessionEvent'),
    Accepted: object(
      { accepted: count('How many events are durable.'), rejected: list(ref('RejectedEvent')) },
      { ids: list(uuid(), 'Of the accepted events, in order; there if any was assigned here.') },
    ),
    RejectedEvent: object(
      { index: count('The place of the event in the request, from 0.'), errors: list(ref('ItemError')) },
      { eventId: uuid("The sender's, where it is one.") },
    ),
    CloudEvent: {
      description:
        'A CloudEvent 1.0. Extensions such as `userid` become fields of the event; others are kept in `context`.',
      ...object(
        {
          specversion: { const: '1.0' },
          id: { type: 'string', minLength: 1 },
          source: { type: 'string', minLength: 1 },
          type: { type: 'string', minLength: 1 },
        },
        {
          time: { type: 'string', format: 'date-time' },
          subject: text('Becomes `target`.'),
          datacontenttype: text(),
          dataschema: text('With `urn:wayline:event:1` the data are fields of the event, and not its context.'),
          data: { description: 'Becomes `context`.' },
          data_base64: text('In place of `data`.'),
          sessionid: text('The session; else the header `Wayline-Session`, else that of the address.'),
        },
      ),
      additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
    },
    StreamFrame: {
      description: 'What a client sends over the WebSocket.',
      ...object(
        {
          id: { type: ['string', 'integer'], description: 'Given back with the answer.' },
          events: list(ref('Event')),
        },
        { sentAt: { ...occurredAt, description: 'When the frame was sent, by the clock of the sender.' } },
      ),
      additionalProperties: false,
    },
    StreamAnswer: {
      description: 'What the server answers to a frame; not always in the order of the frames.',
      oneOf: [
        object(
          {
            id: { type: ['string', 'integer'] },
            accepted: count('How many events are durable.'),
            rejected: list(ref('RejectedEvent')),
          },
          { ids: list(uuid()) },
        ),
        object(
          {
            id: { type: ['string', 'integer', 'null'], description: 'Null where it could not be read.' },
            error: ref('Problem'),
          },
          { retryAfter: integer('Seconds to wait before the frame is sent again.') },
        ),
      ],
    },
  },
  operations: [
    {
      ...sendEvents,
      id: 'sendEvents',
      path: '/v1/events',
      summary: 'Send events',
      description: `${limits} CloudEvents are taken in all three modes of HTTP: in binary mode the attributes are \`ce-*\` headers, and the body is the data.`,
      body: { required: true, content: eventContent(false) },
    },
    {
      ...sendEvents,
      id: 'sendSessionEvents',
      path: '/v1/sessions/{id}/events',
      summary: 'Send events of one session',
      description: `As \`/v1/events\`; an event may leave its \`sessionId\` out, and may name no other. ${limits}`,
      body: { required: true, content: eventContent(true) },
      example: { path: { id: 's-2' } },
    },
    {
      id: 'streamEvents',
      method: 'get',
      path: '/v1/stream',
      summary: 'Send events over a WebSocket',
      description:
        'For those who send all the time. Each message is a `StreamFrame`, and is answered by a `StreamAnswer` once its events are durable. ' +
        'Who may not write is told by the close frame: 1008 with the code of the problem. 1009: a frame was too large. 1012: the server stops. 1013: too much is in hand.',
      scope: 'write',
      headers: [
        { name: 'Upgrade', description: 'A WebSocket (RFC 6455).', schema: { const: 'websocket' }, required: true },
      ],
      success: {
        101: { description: 'The connection is a WebSocket from now on. Messages: `StreamFrame`, `StreamAnswer`.' },
      },
      problems: ['upgrade_required', 'not_ready', 'overloaded', 'internal', 'invalid_request'],
    },
  ],
};
