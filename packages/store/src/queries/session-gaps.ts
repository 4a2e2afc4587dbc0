import type { Source } from '../names.ts';
import type { Reader } from '../read-only.ts';
import type { SessionPlace } from './locate-session.ts';
import { CORRECTED_AT, INLINE_SOURCE, type StoredEvent, sourceKindName } from './stored-event.ts';
import { timestampOf } from './timestamps.ts';

/** Numbers (`seq`) of one source instance that are in no event of a session. */
export interface SeqGap {
  /** undefined: events without a source, which count as of one. */
  source: Source | undefined;
  /** The number before the missing ones; undefined where those are the first. */
  after: number | undefined;
  /** The number after them, and the event that has it: the first, in the session's order. */
  before: number;
  eventId: string;
  missing: number;
}

export interface SessionGaps {
  /** By source, then by number. */
  gaps: SeqGap[];
  /** All numbers that are missing, those of gaps beyond the limit included. */
  missing: number;
}

/** A counter begins at 0 or at 1: that the first number is 1 is no gap. */
const BEGINS_AT_MOST = 1;

const OF_SESSION = 'FROM events WHERE project_id = $1 AND session_id = $2 AND';
const NUMBERED = `source_id, ${INLINE_SOURCE}::text AS inline_source, seq, event_id, occurred_at, ${CORRECTED_AT} AS at`;

/** All events of a session. */
const EVERYWHERE = `SELECT ${NUMBERED} ${OF_SESSION} occurred_at BETWEEN $3 AND $4 AND seq IS NOT NULL`;

/** At most so many from $8 to $9 by the sender's time, so many before and so many after them. */
const near = (events: number): string => {
  const part = (condition: string, order: string): string =>
    `(SELECT ${NUMBERED} ${OF_SESSION} ${condition} ORDER BY occurred_at ${order} LIMIT ${events})`;
  return `SELECT * FROM (
    ${part('occurred_at >= $3 AND occurred_at < $8', 'DESC')} UNION ALL ${part('occurred_at BETWEEN $8 AND $9', 'ASC')}
    UNION ALL ${part('occurred_at > $9 AND occurred_at <= $4', 'ASC')}
  ) near WHERE seq IS NOT NULL`;
};

/** Of several events with one number, the first in the session's order is the one after a gap. */
const gapsWhere = (condition: string, numbered = EVERYWHERE): string => `
  WITH numbered AS (${numbered}), following AS (
    SELECT *, lag(seq) OVER (PARTITION BY source_id, inline_source ORDER BY seq, at, event_id, occurred_at) AS after FROM numbered
  ), gaps AS (
    SELECT *, seq - coalesce(after + 1, ${BEGINS_AT_MOST}) AS missing FROM following
    WHERE seq > coalesce(after + 1, ${BEGINS_AT_MOST}) AND ${condition}
  )
  SELECT gaps.after, seq AS before, event_id, missing::float8 AS missing, (sum(missing) OVER ())::float8 AS all_missing,
    inline_source::json AS inline_source, source.kind, source.name, source.version, source.instance
  FROM gaps LEFT JOIN sources source ON source.project_id = $1 AND source.id = gaps.source_id
  ORDER BY coalesce(source.kind, 0), coalesce(source.name, inline_source), source.version, source.instance, seq
  LIMIT $5`;

interface GapRecord {
  after: number | null;
  before: number;
  event_id: string;
  missing: number;
  all_missing: number;
  inline_source: Source | null;
  kind: number | null;
  name: string | null;
  version: string | null;
  instance: string | null;
}

function toGap({ kind, name, ...row }: GapRecord): SeqGap {
  const named = kind === null || name === null ? undefined : { kind: sourceKindName(kind), name };
  return {
    source:
      row.inline_source ??
      (named && { ...named, version: row.version ?? undefined, instance: row.instance ?? undefined }),
    after: row.after ?? undefined,
    before: row.before,
    eventId: row.event_id,
    missing: row.missing,
  };
}

const placeOf = ({ projectId, sessionId, occurredFrom, occurredTo }: SessionPlace): unknown[] => [
  projectId,
  sessionId,
  occurredFrom,
  occurredTo,
];

/** The gaps of a whole session, at most `limit`. */
export async function sessionGaps(reader: Reader, session: SessionPlace, limit: number): Promise<SessionGaps> {
  const { rows } = await reader.query<GapRecord>(gapsWhere('true'), [...placeOf(session), limit]);
  return { gaps: rows.map(toGap), missing: rows[0]?.all_missing ?? 0 };
}

const sourceKey = ({ source }: StoredEvent): string =>
  source ? JSON.stringify([source.kind, source.name, source.version, source.instance]) : '';

/** Sessions of so many events are looked at as a whole. */
const FEW = 10_000;
/** In longer ones numbers are looked for so many events around first; what is not there then, counts as missing. */
const NEARBY = [
  { around: 2_000, isEnough: false },
  { around: 25_000, isEnough: true },
];

/**
 * The gaps of a session right before events of it that were read: each gap is told with one event, so over all pages once. The
 * session is looked at only where the number before an event's is not among them; of a long one only what lies around, unless that
 * has no lower number of the source at all.
 */
export async function gapsBefore(
  reader: Reader,
  session: SessionPlace,
  events: readonly StoredEvent[],
): Promise<SeqGap[]> {
  const there = new Set(events.map((event) => `${event.seq} ${sourceKey(event)}`));
  let open = events.filter(
    (event) => (event.seq ?? 0) > BEGINS_AT_MOST && !there.has(`${(event.seq as number) - 1} ${sourceKey(event)}`),
  );
  let told: SeqGap[] = [];
  for (const { around, isEnough } of session.events > FEW ? NEARBY : []) {
    const seeming = open.length === 0 ? undefined : await gapsNear(reader, session, { events: open, around });
    if (!seeming) continue;
    told = isEnough ? seeming.filter(({ after }) => after !== undefined) : [];
    const unsure = new Set(seeming.filter((gap) => !told.includes(gap)).map(({ eventId }) => eventId));
    open = open.filter(({ eventId }) => unsure.has(eventId));
  }
  if (open.length === 0) return told;
  const { rows } = await reader.query<GapRecord>(gapsWhere(BEFORE_THESE), [...placeOf(session), ...theseOf(open)]);
  return [...told, ...rows.map(toGap)];
}

const BEFORE_THESE = '(event_id, occurred_at) IN (SELECT * FROM unnest($6::uuid[], $7::timestamptz[]))';

/** $5 to $7. */
const theseOf = (events: readonly StoredEvent[]): unknown[] => [
  events.length,
  events.map(({ eventId }) => eventId),
  events.map(({ occurredMs }) => timestampOf(occurredMs)),
];

/** Those that it seems from so many events around; undefined where more lie between the events themselves. */
async function gapsNear(
  reader: Reader,
  session: SessionPlace,
  { events, around }: { events: readonly StoredEvent[]; around: number },
): Promise<SeqGap[] | undefined> {
  const times = events.map(({ occurredMs }) => occurredMs);
  const place = placeOf(session);
  const bounds = [timestampOf(Math.min(...times)), timestampOf(Math.max(...times))];
  const [between, gaps] = await Promise.all([
    reader.query<{ count: number }>(
      `SELECT count(*) AS count FROM (SELECT ${OF_SESSION} occurred_at BETWEEN $3 AND $4 LIMIT ${around + 1}) between`,
      [...place.slice(0, 2), ...bounds],
    ),
    reader.query<GapRecord>(gapsWhere(BEFORE_THESE, near(around)), [...place, ...theseOf(events), ...bounds]),
  ]);
  return (between.rows[0]?.count ?? 0) > around ? undefined : gaps.rows.map(toGap);
}
