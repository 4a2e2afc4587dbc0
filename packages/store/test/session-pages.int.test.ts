import { expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import fc from 'fast-check';
import { locateSession, type SessionEventsPage, type SessionOrderKey, sessionEvents } from '../src/index.ts';
import { eventOf, storeVerdict } from './batches.ts';
import { storeUnderTest } from './store-under-test.ts';

const store = storeUnderTest();
/** Pages reach over midnight. */
const NOON = Date.UTC(2026, 10, 20, 12);
const HOUR = 3_600_000;

interface Sent {
  event: IdentifiedEvent;
  correctedMs: number;
  skewMs: number;
}

const sent = fc.record({
  id: fc.uuid(),
  /** The more of one time, the more hangs on places. */
  slot: fc.integer({ min: 0, max: 12 }),
  step: fc.constantFrom(1, 1, 7_000, HOUR, 5 * HOUR),
  ofSkews: fc.nat(3),
  seq: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
  source: fc.constantFrom(undefined, 'a', 'b'),
  type: fc.constantFrom('click', 'click', 'pageVisit'),
});

/** What the senders' clocks of a session are off by. */
const skews = fc.constantFrom(
  [0, 0, 0, 0],
  [7_000, 7_000, 7_000, 7_000],
  [0, 0, 0, -6_000],
  [0, 1, 2, 7_000],
  [0, 0, 5 * HOUR, -24 * HOUR],
  [24 * HOUR, -24 * HOUR, 0, 1],
);

test('T12: pages of any size, of any type, are the session in its order, however far the clocks are off', async () => {
  const { pool, write } = store();
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(sent, { minLength: 1, maxLength: 30, selector: ({ id }) => id, size: 'max' }),
      skews,
      fc.integer({ min: 1, max: 7 }),
      fc.constantFrom(2, 9, 30),
      fc.boolean(),
      async (given, skews, limit, batch, isOfOlder) => {
        const sessionId = `s-${run++}`;
        const all = given.map(({ id, slot, step, ofSkews, seq, source, type }): Sent => {
          const correctedMs = NOON + slot * step;
          const skewMs = skews[ofSkews] as number;
          const named = source === undefined ? {} : { source: { kind: 'app' as const, name: source } };
          const event = eventOf({ eventId: id, sessionId, type, seq, occurredAt: correctedMs - skewMs, ...named });
          return { event, correctedMs, skewMs };
        });
        const records = all.map(({ event, skewMs }) => storeVerdict(event, { skewMs }));
        for (let n = 0; n < records.length; n += batch) await write(records.slice(n, n + batch));
        if (isOfOlder) await pool.query('UPDATE sessions SET least_skew_ms = 0, greatest_skew_ms = 0, skews_of = 0');
        const inOrder = ordered(all);
        const ids = inOrder.map(({ event }) => event.eventId);
        expect(await readPages(sessionId, { limit })).toEqual(ids);
        for (const type of ['click', 'pageVisit']) {
          const ofType = inOrder.filter(({ event }) => event.type === type).map(({ event }) => event.eventId);
          expect(await readPages(sessionId, { limit, type })).toEqual(ofType);
        }
      },
    ),
    { numRuns: 60 },
  );
});

/** Ids of all events, page after page; none is longer than it may be, and only the last is shorter. */
async function readPages(sessionId: string, page: Omit<SessionEventsPage, 'after'>): Promise<string[]> {
  const { pool } = store();
  const place = await locateSession(pool, 1, sessionId);
  if (!place) throw new Error('The session is not there');
  const ids: string[] = [];
  for (let after: SessionOrderKey | undefined; ; ) {
    const found = await sessionEvents(pool, place, { ...page, after });
    ids.push(...found.map(({ event }) => event.eventId));
    expect(found.length).toBeLessThanOrEqual(page.limit);
    if (found.length < page.limit) return ids;
    after = found.at(-1)?.key;
  }
}

/** The order as `SESSION_ORDER` tells it, the plain way. */
function ordered(all: readonly Sent[]): Sent[] {
  const placeOf = ({ event, correctedMs }: Sent): string => {
    const ids = all.flatMap((other) => {
      const isBeside = other.correctedMs === correctedMs && other.event.source?.name === event.source?.name;
      const isUpTo = isBeside && other.event.seq !== undefined && compareSeq(other.event, event) <= 0;
      return isUpTo ? [other.event.eventId] : [];
    });
    return event.seq === undefined ? event.eventId : (ids.sort().at(-1) as string);
  };
  const keyOf = (one: Sent) => [one.correctedMs, placeOf(one), one.event.seq ?? -1, one.event.eventId] as const;
  const keyed = all.map((one) => ({ one, key: keyOf(one) }));
  return keyed.sort((a, b) => compareKeys(a.key, b.key)).map(({ one }) => one);
}

const compareSeq = (a: IdentifiedEvent, b: IdentifiedEvent): number =>
  compareKeys([a.seq as number, a.eventId], [b.seq as number, b.eventId]);

function compareKeys(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  const at = a.findIndex((part, i) => part !== b[i]);
  if (at < 0) return 0;
  return (a[at] as string) < (b[at] as string) ? -1 : 1;
}
