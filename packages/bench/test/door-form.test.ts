import { describe, expect, test } from '@jest/globals';
import { isUuid } from '@wayline/contracts';
import { formOf, type LoadDoor } from '../src/load/door-form.ts';
import { newRunIds, readCounter } from '../src/load/event-ids.ts';
import { copyRequest, numberEvents, prepareRequests } from '../src/load/prepared-request.ts';

const EVENTS = 3;
const SEQUENCE = 0xabc;

/** A request as it is sent, with its head, and the items of its body. */
function requestOf(door: LoadDoor) {
  const ids = newRunIds();
  const [template] = prepareRequests(ids, { count: 1, eventsPerRequest: EVENTS, writeKey: 'wlk_1', port: 4000, door });
  if (!template) throw new Error('there is no request');
  const { bytes } = numbered(template);
  const [head = '', body = ''] = bytes.toString().split('\r\n\r\n');
  expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
  return { head, json: JSON.parse(body) as unknown, ids };
}

function numbered(template: Parameters<typeof copyRequest>[0]) {
  const request = copyRequest(template);
  numberEvents(request, SEQUENCE);
  return request;
}

function expectCounters(items: readonly object[], { marker }: { marker: string }): void {
  const counters = items.map((item) => readCounter(Buffer.from(JSON.stringify(item)), Buffer.from(marker)));
  expect(counters).toEqual([0, 1, 2].map((i) => SEQUENCE * EVENTS + i));
}

const REJECTED = '"rejected":[{"index":1,"errors":[]}]';

test.each<{ door: LoadDoor; whole: string; part: string }>([
  { door: 'events', whole: '{"accepted":3,"rejected":[]}', part: `{"accepted":2,${REJECTED}}` },
  { door: 'stream', whole: '{"accepted":3,"rejected":[]}', part: `{"accepted":2,${REJECTED}}` },
  {
    door: 'cloudevents',
    whole: '{"accepted":3,"rejected":[],"ids":["…"]}',
    part: `{"accepted":2,${REJECTED},"ids":[]}`,
  },
  { door: 'segment', whole: '{"success":true}', part: `{"success":true,${REJECTED}}` },
])('T6: at the door $door only an answer that rejects nothing acknowledges a request', ({ door, whole, part }) => {
  const { begin } = formOf(door).acknowledgement(EVENTS);
  expect({ whole: whole.startsWith(begin), part: part.startsWith(begin) }).toEqual({ whole: true, part: false });
});

describe('events that follow one another go', () => {
  test('as a batch of CloudEvents, each with an id of its own and its session', () => {
    const { head, json, ids } = requestOf('cloudevents');
    const events = json as { id: string }[];
    expect(head).toContain('POST /v1/events HTTP/1.1');
    expect(head).toContain('Content-Type: application/cloudevents-batch+json');
    expectCounters(events, ids);
    for (const event of events) {
      expect(event).toMatchObject({ specversion: '1.0', type: expect.any(String), sessionid: expect.any(String) });
      expect(isUuid(event.id)).toBe(true);
    }
  });

  test('as a batch of Segment, with the key as a user name', () => {
    const { head, json, ids } = requestOf('segment');
    const { batch } = json as { batch: { messageId: string }[] };
    expect(head).toContain('POST /v1/batch HTTP/1.1');
    expect(head).toContain(`Authorization: Basic ${Buffer.from('wlk_1:').toString('base64')}`);
    expectCounters(batch, ids);
    for (const message of batch) {
      expect(message).toMatchObject({ type: 'track', event: expect.any(String), properties: {} });
      expect(isUuid(message.messageId)).toBe(true);
    }
  });
});
