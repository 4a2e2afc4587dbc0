import type { QueryConfig } from 'pg';
import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import { locateSession } from './locate-session.ts';
import { overlappingSessions, timePlace } from './overlapping-sessions.ts';
import { EVENT_COLUMNS, EVENT_NAMES, type EventRecord, type StoredEvent, toStoredEvent } from './stored-event.ts';
import { SKEW_MARGIN_MS, timestampOf } from './timestamps.ts';

/** A stored event, with when it was stored, and from where in the log. */
export interface FoundEvent {
  event: StoredEvent;
  /** Epoch ms; null where the row of its batch is gone. */
  storedMs: number | null;
  topic: string | null;
  partition: number | null;
  offset: number | null;
  logId: string | null;
  /** Further events with this id, of other sessions or times, among those looked at. */
  others: number;
}

export interface EventSearch {
  projectId: number;
  eventId: string;
  /** Looks in this session only: quick. */
  sessionId?: string | undefined;
  /** Looks around this time first, epoch ms. */
  nearMs?: number | undefined;
}

const HOUR_MS = 3_600_000;
const EVER = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
/** How far around a time it is looked in the sessions of that time: an id and its event are mostly of the same moment. */
const MOMENT_MS = 60_000;
/** How far around it is looked otherwise, in turn: mostly one partition, then as far as a clock may be off. */
const AROUND_MS = [HOUR_MS, SKEW_MARGIN_MS + HOUR_MS];
/** As far as a clock may be off, and a session of a day goes on. */
const AROUND_SESSION_MS = 2 * SKEW_MARGIN_MS;

/**
 * An event by its id; of several with one id, where it is looked, the first by (`occurred_at`, session). There is no index on
 * the id alone (each costs every row): around a time it looks into the sessions of that time, then it reads a day of the primary
 * key, then a few, without one all of it.
 */
export async function findEvent(reader: Reader, search: EventSearch): Promise<FoundEvent | undefined> {
  const { sessionId, nearMs } = search;
  if (sessionId !== undefined) return findInSession(reader, { ...search, sessionId });
  const atOnce = nearMs === undefined ? undefined : await findInSessionsOf(reader, search, nearMs);
  if (atOnce) return atOnce;
  const windows = nearMs === undefined ? [] : AROUND_MS.map((around) => [nearMs - around, nearMs + around] as const);
  for (const [fromMs, toMs] of [...windows, EVER]) {
    const found = await findBetween(reader, search, timestampOf(fromMs), timestampOf(toMs));
    if (found) return found;
  }
  return undefined;
}

/** Mostly all of a session lies around the time of its event: then it need not be waited for where that is. */
async function findInSession(
  reader: Reader,
  search: EventSearch & { sessionId: string },
): Promise<FoundEvent | undefined> {
  const { projectId, sessionId, nearMs } = search;
  const around = nearMs === undefined ? undefined : [nearMs - AROUND_SESSION_MS, nearMs + AROUND_SESSION_MS];
  const [from = '', to = ''] = around?.map(timestampOf) ?? [];
  const [session, foundAround] = await Promise.all([
    locateSession(reader, projectId, sessionId),
    around && findBetween(reader, search, from, to),
  ]);
  if (!session) return undefined;
  const { occurredFrom, occurredTo } = session;
  if (around && from <= occurredFrom && occurredTo <= to) return foundAround;
  return findBetween(reader, search, occurredFrom, occurredTo);
}

/**
 * In the sessions that overlap the moments around a time by the sender's clock, which mostly is the corrected one, each by the primary key.
 * OFFSET 0 keeps it at that.
 */
function findInSessionsOf(
  reader: Reader,
  { projectId, eventId }: EventSearch,
  nearMs: number,
): Promise<FoundEvent | undefined> {
  const values: unknown[] = [];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const time = { fromMs: nearMs - MOMENT_MS, toMs: nearMs + MOMENT_MS };
  const { recent, long } = overlappingSessions(projectId, time, place);
  const text =
    foundBy(`SELECT e.*, count(*) OVER () - 1 AS others FROM (${recent} UNION ALL ${long}) s CROSS JOIN LATERAL (
      SELECT * FROM events WHERE project_id = ${place(projectId)} AND session_id = s.session_id AND event_id = ${place(eventId)}
        AND occurred_at >= ${timePlace(time.fromMs, place)} AND occurred_at < ${timePlace(time.toMs, place)} OFFSET 0
    ) e`);
  return readFound(reader, plannedOnce(text, values));
}

interface FoundRecord extends EventRecord {
  stored_at: number | null;
  topic: string | null;
  partition: number | null;
  log_offset: number | null;
  log_id: string | null;
  others: number;
}

const foundBy = (search: string): string => `
  WITH found AS (${search} ORDER BY occurred_at, session_id LIMIT 1)
  SELECT ${EVENT_COLUMNS}, e.others, batch.stored_at, batch.topic, batch.partition, batch.log_id,
    batch.first_offset + e.batch_index AS log_offset
  FROM found e LEFT JOIN batches batch ON batch.id = e.batch_id ${EVENT_NAMES}`;

function findBetween(
  reader: Reader,
  { projectId, eventId, sessionId }: EventSearch,
  from: string,
  to: string,
): Promise<FoundEvent | undefined> {
  const values: unknown[] = [projectId, eventId, from, to];
  if (sessionId !== undefined) values.push(sessionId);
  const text = foundBy(`SELECT *, count(*) OVER () - 1 AS others FROM events
    WHERE project_id = $1 AND event_id = $2 AND occurred_at BETWEEN $3 AND $4
      ${sessionId === undefined ? '' : 'AND session_id = $5'}`);
  // Of a session by its key. Else it depends on how long the time is: from one partition to all.
  return readFound(reader, sessionId === undefined ? { text, values } : plannedOnce(text, values));
}

async function readFound(reader: Reader, statement: QueryConfig): Promise<FoundEvent | undefined> {
  const { rows } = await reader.query<FoundRecord>(statement);
  const row = rows[0];
  return (
    row && {
      event: toStoredEvent(row),
      storedMs: row.stored_at,
      topic: row.topic,
      partition: row.partition,
      offset: row.log_offset,
      logId: row.log_id,
      others: row.others,
    }
  );
}
