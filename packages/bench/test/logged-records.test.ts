import { describe, expect, test } from '@jest/globals';
import { type LoggedEvent, schemaIdOf } from '@wayline/contracts';
import { generateEvents } from '@wayline/testkit';
import { eventsOf, type LoggedRecord, type LoggedWorkload, loggedRecords } from '../src/load/logged-records.ts';

const WORKLOAD: LoggedWorkload = { records: 1000, repeatedShare: 0, hours: 2, start: '2026-01-05T00:00:00Z' };
const read = ({ record }: LoggedRecord) => JSON.parse(record.value.toString()) as LoggedEvent;

test('a record is the event in the envelope that ingest writes, by the key of its session', () => {
  const lines = [...generateEvents({ count: 1000, hours: 2, start: WORKLOAD.start })];
  const records = [...loggedRecords(WORKLOAD)];
  expect(records).toHaveLength(1000);
  for (const [i, logged] of records.entries()) {
    const event = JSON.parse(lines[i] as string) as LoggedEvent['event'];
    const receivedAt = Date.parse(event.occurredAt as string) + 250;
    expect(read(logged)).toEqual({ project: 1, receivedAt, event });
    expect(logged).toMatchObject({ eventId: event.eventId, repeated: false, record: { key: event.sessionId } });
    expect(logged.record.headers).toEqual({ 'wayline-request-id': expect.any(String) });
  }
});

test.each([{ schemaId: undefined }, { schemaId: 7 }])(
  'T4: straight to Kafka a record is the event alone, with a key; framed where there is a schema (id $schemaId)',
  ({ schemaId }) => {
    const direct = { writeKey: 'wlk_1', ...(schemaId !== undefined && { schemaId }) };
    const lines = [...generateEvents({ count: 1000, hours: 2, start: WORKLOAD.start })];
    for (const [i, { record, eventId }] of [...loggedRecords({ ...WORKLOAD, direct })].entries()) {
      const value = record.value as Buffer;
      const { eventId: id, sessionId } = JSON.parse(lines[i] as string) as LoggedEvent['event'];
      expect(schemaIdOf(value)).toBe(schemaId);
      expect(value.subarray(schemaId === undefined ? 0 : 5).toString()).toBe(lines[i]);
      expect({ eventId, key: record.key }).toEqual({ eventId: id, key: sessionId });
      expect(record.headers).toEqual({ 'wayline-key': 'wlk_1' });
    }
  },
);

describe('repeated records', () => {
  test.each([{ repeatedShare: 0.01 }, { repeatedShare: 0.5 }, { repeatedShare: 0.3 }])(
    'are $repeatedShare of all, each of one that came long before',
    ({ repeatedShare }) => {
      const workload = { ...WORKLOAD, repeatedShare };
      const records = [...loggedRecords(workload)];
      const repeated = records.filter((logged) => logged.repeated);
      expect(records).toHaveLength(1000);
      expect(repeated).toHaveLength(1000 * repeatedShare);
      expect(eventsOf(workload)).toBe(1000 - 1000 * repeatedShare);
      expect(new Set(records.map(({ eventId }) => eventId)).size).toBe(eventsOf(workload));
      for (const { eventId, record } of repeated) {
        const [first, second, ...more] = records.flatMap((other, at) => (other.eventId === eventId ? at : []));
        expect(more).toEqual([]);
        expect((second as number) - (first as number)).toBeGreaterThan(100);
        expect(records[first as number]?.record.value).toBe(record.value);
      }
    },
  );

  test('are spread evenly', () => {
    const records = [...loggedRecords({ ...WORKLOAD, repeatedShare: 0.1 })];
    const middle = records.slice(400, 800).filter(({ repeated }) => repeated);
    expect(middle.length).toBeGreaterThanOrEqual(46);
    expect(middle.length).toBeLessThanOrEqual(56);
  });
});
