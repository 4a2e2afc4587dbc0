import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventTimes } from '@wayline/contracts';
import { identifiedEvent } from '@wayline/testkit';
import { type IngestUnderTest, startIngest } from './ingest-under-test.ts';
import { openStream, type StreamClient } from './stream-client.ts';

const NOW = Date.parse('2026-11-20T12:00:00.000Z');
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let ingest: IngestUnderTest;
let client: StreamClient;
beforeAll(async () => {
  ingest = await startIngest({ now: () => NOW });
  client = await openStream(ingest.url);
});
afterAll(async () => {
  client?.socket.terminate();
  await ingest?.close();
});

/** The same event through each door that has `sentAt`; answers with what each made of it, or refused it with. */
async function throughEachDoor(occurredAt: number, sentAt: number) {
  const sessions = ['body', 'header', 'text', 'frame'].map((door) => `${door}-${sentAt}-${occurredAt}`);
  const [inBody, inHeader, asText, inFrame] = sessions.map((sessionId) => identifiedEvent({ sessionId, occurredAt }));
  const header = sentAt < 0 ? new Date(sentAt).toISOString() : String(sentAt);
  const answers = [
    await ingest.post('/v1/events', { events: [inBody], sentAt }),
    await ingest.post('/v1/events', inHeader, { headers: { 'wayline-sent-at': header } }),
    await ingest.post(
      '/v1/events',
      { events: [asText], sentAt: new Date(sentAt).toISOString() },
      { headers: { 'content-type': 'text/plain' } },
    ),
  ];
  client.send({ id: 1, sentAt, events: [inFrame] });
  const frame = await client.next();
  const codes = [
    ...answers.map(({ status, body }) => (status === 202 ? 'accepted' : body.errors[0].code)),
    frame.accepted === 1 ? 'accepted' : frame.rejected[0].errors[0].code,
  ];
  const logged = (await ingest.logged()).filter(({ event }) => sessions.includes(event.sessionId));
  const times = logged.map(({ event, receivedAt, skew = 0 }) => eventTimes(event, receivedAt, skew));
  return { codes: new Set(codes), count: logged.length, times };
}

describe('the clock of a device is corrected alike through a body, a header, text/plain and a frame', () => {
  test.each([
    { what: 'one that has no clock, in 1970', sent: 60_000 },
    { what: 'one that stands before 1970', sent: -DAY },
    { what: 'one that lives in 2038, past 31 bits of seconds', sent: Date.parse('2038-01-19T03:14:08Z') },
    { what: 'one that lives in 2099', sent: Date.parse('2099-12-31T23:59:59Z') },
    { what: 'one that is a day and a millisecond late', sent: NOW - DAY - 1 },
    { what: 'one that is a day and a millisecond ahead', sent: NOW + DAY + 1 },
  ])(
    'issue 6.7: $what: the corrected time is stored in place of occurredAt, and the id is claimed',
    async ({ sent }) => {
      const { codes, count, times } = await throughEachDoor(sent - 1000, sent);
      expect([...codes]).toEqual(['accepted']);
      expect(count).toBe(4);
      const corrected = { keyMs: NOW - 1000, skewMs: 0, correctedMs: NOW - 1000, claim: true };
      for (const time of times) expect(time).toEqual(corrected);
    },
  );

  test.each([
    { off: 5_000, skewMs: 0, claim: false },
    { off: -5_000, skewMs: 0, claim: false },
    { off: 5_001, skewMs: 5_001, claim: false },
    { off: -5_001, skewMs: -5_001, claim: false },
    { off: 12 * HOUR, skewMs: 12 * HOUR, claim: false },
    { off: 12 * HOUR + 1, skewMs: 12 * HOUR + 1, claim: true },
    { off: -12 * HOUR - 1, skewMs: -12 * HOUR - 1, claim: true },
    { off: DAY, skewMs: DAY, claim: true },
    { off: -DAY, skewMs: -DAY, claim: true },
  ])(
    'issue 6.7: $off ms off: occurredAt stands as sent, $skewMs beside it, claimed: $claim',
    async ({ off, skewMs, claim }) => {
      const sent = NOW - off;
      const { codes, count, times } = await throughEachDoor(sent - 1000, sent);
      expect([...codes]).toEqual(['accepted']);
      expect(count).toBe(4);
      for (const time of times)
        expect(time).toEqual({ keyMs: sent - 1000, skewMs, correctedMs: sent - 1000 + skewMs, claim });
    },
  );

  test.each([
    { what: '90 days before it sent', ago: 90 * DAY, code: 'accepted' },
    { what: 'a millisecond more', ago: 90 * DAY + 1, code: 'time_too_old' },
    { what: 'a day ahead of when it sent', ago: -DAY, code: 'accepted' },
    { what: 'a millisecond further ahead', ago: -DAY - 1, code: 'time_too_new' },
  ])(
    'issue 6.7, T8: the window holds for the corrected time: of a device in 1970, $what: $code',
    async ({ ago, code }) => {
      const sent = 100 * DAY;
      expect([...(await throughEachDoor(sent - ago, sent)).codes]).toEqual([code]);
    },
  );

  test('issue 6.7: a device in 1970 that does not say when it sent is refused, and told so', async () => {
    const answer = await ingest.post('/v1/events', identifiedEvent({ occurredAt: 60_000 }));
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ pointer: '/occurredAt', code: 'time_too_old' }] } });
  });
});
