import { expect, test } from '@jest/globals';
import { isUuid } from '@wayline/contracts';
import { newRunIds, readCounter, writeCounter } from '../src/load/event-ids.ts';
import { copyRequest, numberEvents, prepareRequests } from '../src/load/prepared-request.ts';

test.each([0, 1, 0xffff_ffff, 0x1_0000_0000, 2 ** 48 - 1])('the counter %d is read as it was written', (counter) => {
  const { prefix, marker } = newRunIds();
  const value = Buffer.from(`{"eventId":"${prefix}${'0'.repeat(12)}"}`);
  writeCounter(value, value.indexOf(prefix) + prefix.length, counter);
  expect(readCounter(value, Buffer.from(marker))).toBe(counter);
  expect(isUuid((JSON.parse(value.toString()) as { eventId: string }).eventId)).toBe(true);
});

test('an event of another run has no counter', () => {
  const value = Buffer.from(`{"eventId":"${newRunIds().prefix}${'0'.repeat(12)}"}`);
  expect(readCounter(value, Buffer.from('-7zzz-azzz-'))).toBeUndefined();
});

test('the events of a prepared request are valid JSON with ids that follow one another, and differ in each sending', () => {
  const ids = newRunIds();
  const [first] = prepareRequests(ids, { count: 2, eventsPerRequest: 3, writeKey: 'wlk_1', port: 4000 });
  if (!first) throw new Error('there is no request');
  const copy = copyRequest(first);
  numberEvents(copy, 7);
  expect(countersOf(first.bytes, ids.marker)).toEqual([0, 0, 0]);
  expect(countersOf(copy.bytes, ids.marker)).toEqual([21, 22, 23]);
  const [head, body] = copy.bytes.toString().split('\r\n\r\n') as [string, string];
  expect(head).toContain(`Content-Length: ${Buffer.byteLength(body)}`);
  expect(head).toContain('Authorization: Bearer wlk_1');
});

test('a request of one event is that event', () => {
  const [request] = prepareRequests(newRunIds(), { count: 1, eventsPerRequest: 1, writeKey: 'k', port: 1 });
  expect(JSON.parse(request?.bytes.toString().split('\r\n\r\n')[1] ?? '')).toHaveProperty('sessionId');
});

function countersOf(bytes: Buffer, marker: string): (number | undefined)[] {
  const events = JSON.parse(bytes.toString().split('\r\n\r\n')[1] ?? '') as object[];
  return events.map((event) => readCounter(Buffer.from(JSON.stringify(event)), Buffer.from(marker)));
}
