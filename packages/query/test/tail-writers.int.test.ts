import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eventTimes, type IdentifiedEvent, uuidV7 } from '@wayline/contracts';
import { BatchWriter, createPool, ensurePosition, type Pool } from '@wayline/store';
import { seededRandom } from '@wayline/testkit';
import { GROUP, type QueryUnderTest, startQuery } from './query-under-test.ts';
import { openTail, type TailClient } from './tail-client.ts';

const TOPIC = 'written-at-once';
const PARTITIONS = 8;
const WRITERS = 4;
const LAST = 'last';

let api: QueryUnderTest;
let pool: Pool;

beforeAll(async () => {
  api = await startQuery({
    tailLimits: { pollMs: 0, restShare: 0, heartbeatMs: 200, eventsPerPoll: 1_000_000, bytesPerPoll: 1e9 },
  });
  pool = createPool({ url: api.databaseUrl, max: WRITERS, applicationName: 'writers' });
});
afterAll(async () => {
  await pool.end();
  await api.close();
});

const random = seededRandom(7);
const below = (n: number): number => Math.floor(random() * n);

/** Events of two projects over several days, so that a batch lies in several tables; some come twice. */
function someEvents(sent: IdentifiedEvent[], count: number): IdentifiedEvent[] {
  return Array.from({ length: count }, () => {
    const again = sent[below(sent.length * 10)];
    if (again) return again;
    const occurredAt = Date.now() - below(4 * 86_400_000);
    const event = { eventId: uuidV7(occurredAt), sessionId: `s-${below(30)}`, type: `t-${below(3)}`, occurredAt };
    sent.push(event);
    return event;
  });
}

/** What workers do at the same time, each with partitions that move to another one midway. */
async function writeAll(batches: number, sent: IdentifiedEvent[]): Promise<void> {
  const timeouts = { statementMs: 20_000, idleMs: 15_000, lockMs: 10_000 };
  const writers = Array.from(
    { length: WRITERS },
    () => new BatchWriter({ pool, logId: api.log.id, group: GROUP, timeouts }),
  );
  const next = Array.from({ length: PARTITIONS }, () => 0);
  async function write(writer: BatchWriter, partitions: number[]): Promise<void> {
    await writer.write(
      partitions.map((partition) => {
        const records = someEvents(sent, 1 + below(40)).map((event, index) => ({
          offset: (next[partition] as number) + index,
          timeMs: Date.now(),
          projectId: event.sessionId.endsWith('7') ? 2 : 1,
          original: { key: null, value: null, headers: {} },
          verdict: { store: { event, receivedMs: Date.now(), times: eventTimes(event, Date.now(), 0) } },
        }));
        const firstOffset = next[partition] as number;
        next[partition] = firstOffset + records.length;
        return { topic: TOPIC, partition, firstOffset, nextOffset: firstOffset + records.length, records };
      }),
    );
  }
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await ensurePosition(pool, { logId: api.log.id, group: GROUP, topic: TOPIC, partition }, 0);
  }
  for (const turn of [0, 1]) {
    await Promise.all(
      writers.map(async (_, index) => {
        const writer = writers[(index + turn) % WRITERS] as BatchWriter;
        for (let i = 0; i < batches / 2; i++) await write(writer, [2 * index, 2 * index + 1]);
      }),
    );
  }
  const event = { eventId: uuidV7(Date.now()), sessionId: 's-0', type: LAST, occurredAt: Date.now() };
  await api.store([event], { receivedMs: Date.now() });
}

const hasEnded = (tail: TailClient) => tail.blocks.some(({ data }) => data.type === LAST);

test('A10: all that several workers store at once comes once, in the order of each partition', async () => {
  const sent: IdentifiedEvent[] = [];
  const [steady, session] = [await openTail(api), await openTail(api, '?sessionId=s-3&type=t-1')];
  const parts: string[][] = [];
  /** Breaks off in the midst, again and again, and comes back with the last id that it read. */
  async function breakOff(): Promise<void> {
    let lastEventId: string | undefined;
    for (let turn = 0; ; turn++) {
      const tail = await openTail(api, '?namespace=default', lastEventId === undefined ? {} : { lastEventId });
      await tail.until(() => tail.id() !== '' && (hasEnded(tail) || tail.eventIds().length >= 50 + 10 * (turn % 7)));
      tail.close();
      lastEventId = tail.id();
      parts.push(tail.eventIds());
      if (hasEnded(tail)) return;
    }
  }
  const breaking = breakOff();
  while (api.requests() < 3) await new Promise((resolve) => setImmediate(resolve));
  await writeAll(60, sent);
  await Promise.all([steady.until(() => hasEnded(steady)), breaking]);

  const { rows } = await pool.query<{ id: string; session: string; type: string; place: string; at: number }>(
    `SELECT e.event_id AS id, e.session_id AS session, n.name AS type, b.topic || b.partition AS place,
       b.first_offset + e.batch_index AS at
     FROM events e JOIN batches b ON b.id = e.batch_id
     JOIN names n ON n.project_id = e.project_id AND n.kind = 1 AND n.id = e.type_id
     WHERE e.project_id = 1`,
  );
  expect(rows.length).toBeGreaterThan(3_000);
  const stored = rows.map(({ id }) => id).sort();
  expect(steady.blocks.filter(({ event }) => event !== 'message')).toEqual([]);
  expect([...steady.eventIds()].sort()).toEqual(stored);
  expect(parts.length).toBeGreaterThan(10);
  expect(parts.flat().sort()).toEqual(stored);
  const own = rows.filter((row) => row.session === 's-3' && row.type === 't-1').map(({ id }) => id);
  await session.until(() => session.eventIds().length >= own.length);
  expect([...session.eventIds()].sort()).toEqual(own.sort());

  const places = new Map(rows.map((row) => [row.id, row]));
  const seen = new Map<string, number>();
  for (const id of steady.eventIds()) {
    const { place, at } = places.get(id) as { place: string; at: number };
    expect(at).toBeGreaterThan(seen.get(place) ?? -1);
    seen.set(place, at);
  }
  for (const tail of [steady, session]) tail.close();
}, 60_000);
