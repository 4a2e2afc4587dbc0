import { expect, test } from '@jest/globals';
import type { LoggedEvent } from '@wayline/contracts';
import { createRecordMaker } from '../src/event-record.ts';

const logged = (number: number, target: string): LoggedEvent => ({
  project: 1,
  receivedAt: 1_767_614_400_000,
  event: {
    eventId: `019b8e0b-3a00-7cc3-98c4-${String(number).padStart(12, '0')}`,
    sessionId: `s-${number % 7}`,
    type: 'click',
    target,
  },
});

test.each([
  { what: 'plain', events: 100, bytes: 20_000, target: (i: number) => `button ${i}` },
  { what: 'of characters of two, three and four bytes', events: 500, bytes: 90_000, target: () => 'é€😀'.repeat(60) },
  { what: 'longer than was expected', events: 50, bytes: 0, target: (i: number) => 'x'.repeat(i * 20) },
  { what: 'longer than a chunk', events: 3, bytes: 10, target: () => 'ü'.repeat(100_000) },
  { what: 'alone', events: 1, bytes: 200, target: () => 'one' },
])('T6: records of a request hold each its own event: $what', ({ events, bytes, target }) => {
  const recordOf = createRecordMaker({ bytes, events });
  const all = Array.from({ length: events }, (_, i) => logged(i, target(i)));
  const records = all.map((one, i) => recordOf(one, i, undefined));
  expect(records.map(({ value }) => JSON.parse(value.toString()))).toEqual(all);
  expect(records.map(({ key }) => key)).toEqual(all.map(({ event }) => event.sessionId));
});

test('O5: records of a request take little more memory than they have bytes', () => {
  const all = Array.from({ length: 2500 }, (_, i) => logged(i, 'x'.repeat(300)));
  const bytes = JSON.stringify(all.map(({ event }) => event)).length;
  const recordOf = createRecordMaker({ bytes, events: all.length });
  const records = all.map((one, i) => recordOf(one, i, undefined));
  const buffers = new Set(records.map(({ value }) => value.buffer));
  const kept = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  const used = records.reduce((sum, { value }) => sum + value.length, 0);
  expect(kept).toBeLessThan(1.1 * used + 64 * 1024);
  expect(buffers.size).toBeLessThan(30);
});
