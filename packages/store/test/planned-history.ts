import { type IdentifiedEvent, uuidV7 } from '@wayline/contracts';
import { generateEvents } from '@wayline/testkit';
import type pg from 'pg';
import {
  BatchWriter,
  ensurePosition,
  locateSession,
  type Reader,
  remakeHops,
  type SessionPlace,
} from '../src/index.ts';
import { batchOf, storeVerdict } from './batches.ts';
import { LOG, TOPIC, WRITING } from './store-under-test.ts';

/** A month and some, so many events a day: enough for the planner to choose as it does with many more. */
export const DAYS = 34;
export const EVENTS_A_DAY = 7_000;
const BATCH_EVENTS = 1_000;
export const DAY_MS = 86_400_000;
export const HOUR_MS = 3_600_000;
export const START = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAYS * DAY_MS;
/** In the middle: partitions before and after it have as many rows. */
export const MIDDLE = START + 17 * DAY_MS;
export const PROJECT = 1;
const WAITING_MARKS = 5_000;

/** What a session, a machine and so on of the filled database are called. */
export interface Known {
  place: SessionPlace;
  sessionId: string;
  eventId: string;
  userId: string;
  machineId: string;
  /** Epoch ms. */
  occurredMs: number;
}

/** Each day has sessions of its own, within two hours of it, as sessions are; users and machines come again. */
export async function fillHistory(pool: pg.Pool): Promise<void> {
  const writer = new BatchWriter({ pool, ...WRITING });
  await ensurePosition(pool, { ...LOG, topic: TOPIC, partition: 0 }, 0);
  let firstOffset = 0;
  const write = async (events: readonly IdentifiedEvent[], timeMs: number): Promise<void> => {
    await writer.write([
      batchOf(
        { firstOffset },
        events.map((event) => storeVerdict(event, { timeMs })),
      ),
    ]);
    firstOffset += events.length;
  };
  for (let day = 0; day < DAYS; day++) {
    const dayMs = START + day * DAY_MS;
    const start = new Date(dayMs + HOUR_MS).toISOString();
    const lines = generateEvents({ count: EVENTS_A_DAY, hours: 2, start, seed: day + 1 });
    const events = [...lines].map((line) => JSON.parse(line) as IdentifiedEvent);
    for (let n = 0; n < events.length; n += BATCH_EVENTS) await write(events.slice(n, n + BATCH_EVENTS), dayMs);
  }
  const rare = { type: 'sessionStarted', source: { kind: 'app' as const, name: 'rare' } };
  await write(
    [
      { eventId: uuidV7(MIDDLE), sessionId: 'ancestor', occurredAt: MIDDLE, userId: 'u-7', ...rare },
      {
        eventId: uuidV7(MIDDLE),
        sessionId: 'heir',
        occurredAt: MIDDLE + 1,
        context: { previousSessionId: 'ancestor' },
        ...rare,
      },
    ],
    MIDDLE,
  );
  const { signal } = new AbortController();
  const dirty = async () => (await pool.query('SELECT FROM dirty_sessions LIMIT 1')).rowCount;
  while (await dirty()) await remakeHops(pool, signal); // marks must be a second old
  // As behind a load that is near what the machine stores.
  await pool.query(
    `INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time)
     SELECT $1, 's-' || n, now(), now(), now() + n * interval '1 ms' FROM generate_series(1, ${WAITING_MARKS}) n`,
    [PROJECT],
  );
  await pool.query('VACUUM ANALYZE');
}

/** A session and a machine with an ordinary number of events, in the middle of all days. */
export async function findKnown(pool: pg.Pool): Promise<Known> {
  const { rows } = await pool.query(
    `SELECT e.session_id AS "sessionId", e.event_id AS "eventId", e.user_id AS "userId", e.machine_id AS "machineId",
       extract(epoch FROM occurred_at)::float8 * 1000 AS "occurredMs"
     FROM events e JOIN sessions s USING (project_id, session_id)
     WHERE occurred_at >= $1 AND occurred_at < $2 AND event_count BETWEEN 40 AND 80 AND e.user_id <> 'u-0'
     ORDER BY e.event_id LIMIT 1`,
    [new Date(MIDDLE + 2 * HOUR_MS), new Date(MIDDLE + 3 * HOUR_MS)],
  );
  const place = await locateSession(pool as unknown as Reader, PROJECT, rows[0].sessionId);
  if (!place) throw new Error('The database is not filled as it should be');
  return { ...rows[0], place };
}
