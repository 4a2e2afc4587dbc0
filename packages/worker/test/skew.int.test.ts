import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { clockSkewMs, type IdentifiedEvent, type LoggedEvent, TOPICS } from '@wayline/contracts';
import { identifiedEvent } from '@wayline/testkit';
import { startScene, type WorkerScene } from './worker-scene.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Math.floor(Date.now() / 1000) * 1000;

let scene: WorkerScene;
const events: IdentifiedEvent[] = [];
beforeAll(async () => {
  scene = await startScene();
  await scene.startWorker();
}, 60_000);
afterAll(() => scene?.close(), 60_000);

/** As a door writes it into the log: received at `receivedMs`, sent at `sentMs` by the sender's clock. */
async function append(event: IdentifiedEvent, { receivedMs, sentMs }: { receivedMs: number; sentMs: number }) {
  const skew = clockSkewMs(receivedMs, sentMs);
  const value: LoggedEvent = { project: 1, receivedAt: receivedMs, ...(skew !== 0 && { skew }), event };
  await scene.log.append(TOPICS.events, [{ key: event.sessionId, value: Buffer.from(JSON.stringify(value)) }]);
}

test.each([
  { what: 'lives in 1970', offs: [NOW - 60_000, NOW - 58_500], corrected: true },
  {
    what: 'lives in 2038',
    offs: [NOW - Date.parse('2038-01-19T03:14:08Z'), NOW - Date.parse('2038-01-19T03:14:09Z')],
    corrected: true,
  },
  { what: 'is off by 5 s, and then by a little more', offs: [5_000, 5_001], corrected: false },
  { what: 'is ahead by 5 s, and then by a little more', offs: [-5_000, -5_400], corrected: false },
  { what: 'is off by 12 h, and then by a little more', offs: [12 * HOUR, 12 * HOUR + 900], corrected: false },
  { what: 'is off by 24 h, and then by a little more', offs: [DAY, DAY + 900], corrected: false },
  { what: 'is off by over 24 h, and then by a little less', offs: [DAY + 900, DAY], corrected: true },
  { what: 'is ahead by 24 h, and then by a little more', offs: [-DAY, -DAY - 900], corrected: false },
  { what: 'was set right between, from 20 h off', offs: [20 * HOUR, 0], corrected: false },
])('issue 6.7, T6: a retry from a device whose clock $what is a duplicate', async ({ offs, corrected }) => {
  const [off = 0] = offs;
  const occurredMs = NOW - off - 1000;
  const event = identifiedEvent({ occurredAt: new Date(occurredMs).toISOString() });
  events.push(event);
  const duplicates = await scene.number('SELECT coalesce(sum(duplicate), 0) FROM ledger');
  for (const [retry, skewMs] of offs.entries()) {
    const receivedMs = NOW + retry * 2000;
    await append(event, { receivedMs, sentMs: receivedMs - skewMs });
    await scene.allRead();
  }
  expect(await scene.number('SELECT sum(duplicate) FROM ledger')).toBe(duplicates + 1);
  const { rows } = await scene.pool.query(
    `SELECT extract(epoch FROM occurred_at)::float8 * 1000 AS "occurredMs", skew_ms AS "skewMs" FROM events WHERE event_id = $1`,
    [event.eventId],
  );
  const skewMs = corrected || Math.abs(off) <= 5_000 ? 0 : off;
  expect(rows).toEqual([{ occurredMs: corrected ? NOW - 1000 : occurredMs, skewMs }]);
  await scene.expectExactlyOnce(events);
});
