import { SENT_AT } from './events.ts';
import type { Area, Operation } from './operation.ts';
import { WRITES } from './problem-answers.ts';
import { SAMPLE } from './samples.ts';
import { list, object, ref, text } from './schemas.ts';

const CALLS = {
  track: { event: 'Order Completed', properties: { revenue: 19.5 } },
  page: { name: 'Cart', properties: { path: '/cart' } },
  screen: { name: 'Cart' },
  identify: {},
  group: { groupId: 'g-1' },
  alias: { previousId: 'a-1' },
} as const;

const messageOf = (call: keyof typeof CALLS) => ({
  messageId: `m-${call}`,
  userId: 'u-7',
  timestamp: SAMPLE.time,
  context: { app: { name: 'shop', version: '2.1' } },
  ...CALLS[call],
});

const shared: Pick<Operation, 'method' | 'scope' | 'basic' | 'headers'> = {
  method: 'post',
  scope: 'write',
  basic: true,
  headers: [SENT_AT],
};

const message: Pick<Operation, 'success' | 'problems'> = {
  success: { 200: { description: 'It is durable.', schema: object({ success: { const: true } }) } },
  problems: [...WRITES, 'no_valid_events'],
};

const batch: Pick<Operation, 'success' | 'problems'> = {
  success: {
    200: {
      description: 'What was accepted is durable.',
      schema: object(
        { success: { const: true } },
        { rejected: list(ref('RejectedEvent'), 'Those that were refused.') },
      ),
    },
  },
  problems: [...WRITES, 'too_many_events', 'no_valid_events'],
};

/** Both addresses of a call: by its name, and by its first letter. */
function bothOf(call: string, schema: string, example: object): Operation[] {
  const body: Operation['body'] = {
    required: true,
    description: 'JSON, whatever `Content-Type` says of it.',
    content: { 'application/json': { schema: ref(schema), examples: { [call]: example } } },
  };
  const own = { ...shared, ...(call === 'batch' ? batch : message) };
  const name = `${call[0]?.toUpperCase()}${call.slice(1)}`;
  return [
    { ...own, id: `segment${name}`, path: `/v1/${call}`, summary: `Segment: ${call}`, body },
    {
      ...own,
      id: `segment${name}Short`,
      path: `/v1/${call[0]}`,
      summary: `The same as /v1/${call}, as Segment's browser library says it`,
      body,
    },
  ];
}

/** Segment's HTTP API. */
export const segment: Area = {
  name: 'Segment',
  description:
    "Segment's HTTP API: its clients, and RudderStack's, need another host and nothing else. The write key is the user name of Basic, or `writeKey` in the body.",
  roles: ['ingest'],
  schemas: {
    SegmentMessage: {
      ...object(
        {},
        {
          type: text('In a batch: which call it is.'),
          messageId: text('From which the `eventId` is derived.'),
          event: text('Of `track`: the type of the event.'),
          name: text('Of `page` and `screen`.'),
          userId: { type: ['string', 'number', 'null'] },
          anonymousId: { type: ['string', 'number', 'null'] },
          timestamp: { type: ['string', 'number', 'null'] },
          sentAt: { type: ['string', 'number', 'null'] },
          properties: { type: ['object', 'null'] },
          traits: { type: ['object', 'null'], description: 'Dropped, unless the project keeps traits.' },
          context: { type: ['object', 'null'] },
        },
      ),
      description: 'A message of Segment’s API; `userId`, `anonymousId` or `context.sessionId` is needed.',
    },
    SegmentBatch: object(
      { batch: list(ref('SegmentMessage')) },
      { context: { type: 'object', description: 'Of all messages.' }, sentAt: { type: ['string', 'number', 'null'] } },
    ),
  },
  operations: [
    ...(Object.keys(CALLS) as (keyof typeof CALLS)[]).flatMap((call) =>
      bothOf(call, 'SegmentMessage', messageOf(call)),
    ),
    ...bothOf('batch', 'SegmentBatch', {
      batch: [{ type: 'track', ...messageOf('track'), messageId: 'm-batch' }],
      sentAt: SAMPLE.time,
    }),
  ],
};
