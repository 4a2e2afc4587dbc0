import type { PoolClient } from 'pg';
import { ADD_SERIES_SUMS, SERIES_SUMS } from '../series-sums.ts';
import { bigints, booleans, doubles, int64s, integers, texts, timestamps } from './binary-array.ts';
import type { EventRow } from './event-rows.ts';
import type { HourUser, KnownUsers, SeenUser } from './known-users.ts';
import type { NameEntry, NameId } from './name-registry.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

interface MinuteDelta {
  projectId: number;
  namespace: NameId;
  type: NameId;
  /** Since the epoch: a small whole number, which costs no allocation as a key. */
  minute: number;
  events: number;
  /** Events with a value. */
  valued: number;
  sum: number;
  min: number;
  max: number;
  firstMs: number;
  firstValuedMs: number;
}

interface HourDelta {
  projectId: number;
  /** Since the epoch. */
  hour: number;
  events: number;
  clicks: number;
  impressions: number;
}

/** What new rows add to the rollups; each list in the order of its table's key. */
export interface Rollups {
  minutes: MinuteDelta[];
  hours: HourDelta[];
  hourUsers: HourUser[];
  users: SeenUser[];
}

/** The entry of a map, made where there is none. */
function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

const newMap = <K, V>(): Map<K, V> => new Map();

function newMinute({ share, namespace, type }: EventRow, minute: number): MinuteDelta {
  return {
    projectId: share.projectId,
    namespace: namespace.seriesId,
    type: type.seriesId,
    minute,
    events: 0,
    valued: 0,
    sum: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    firstMs: Number.POSITIVE_INFINITY,
    firstValuedMs: Number.POSITIVE_INFINITY,
  };
}

function addToMinute(minute: MinuteDelta, ms: number, value: number | undefined): void {
  minute.events++;
  if (ms < minute.firstMs) minute.firstMs = ms;
  if (value === undefined) return;
  minute.valued++;
  minute.sum += value;
  if (value < minute.min) minute.min = value;
  if (value > minute.max) minute.max = value;
  if (ms < minute.firstValuedMs) minute.firstValuedMs = ms;
}

const compareIds = (a: NameId, b: NameId): number => a.hi - b.hi || a.lo - b.lo;
const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Sums up new rows. Only rows that are new may be given: each is counted. Quickest when sorted by session. */
export function rollupsOf(rows: readonly EventRow[]): Rollups {
  // An entry is one object for one name of one project within a transaction.
  const byType = new Map<NameEntry, Map<NameEntry, Map<number, MinuteDelta>>>();
  const minutes: MinuteDelta[] = [];
  const hours = new Map<string, HourDelta>();
  const hourUsers = new Map<string, HourUser>();
  const users = new Map<string, SeenUser>();
  let hour: HourDelta | undefined;
  let lastUser: string | undefined;
  let seen: SeenUser | undefined;
  for (const row of rows) {
    const { event, type, namespace } = row;
    const { projectId } = row.share;
    const ms = row.times.correctedMs;
    const minuteNumber = Math.floor(ms / MINUTE_MS);
    const byNamespace = entry(byType, type, newMap<NameEntry, Map<number, MinuteDelta>>);
    const byMinute = entry(byNamespace, namespace, newMap<number, MinuteDelta>);
    let minute = byMinute.get(minuteNumber);
    if (minute === undefined) {
      minute = newMinute(row, minuteNumber);
      byMinute.set(minuteNumber, minute);
      minutes.push(minute);
    }
    addToMinute(minute, ms, event.value);

    const hourNumber = Math.floor(ms / HOUR_MS);
    if (hour?.hour !== hourNumber || hour.projectId !== projectId) {
      hour = entry(hours, `${projectId} ${hourNumber}`, () => ({
        projectId,
        hour: hourNumber,
        events: 0,
        clicks: 0,
        impressions: 0,
      }));
      lastUser = undefined;
    }
    hour.events++;
    if (event.type === 'click') hour.clicks++;
    else if (event.type === 'impression') hour.impressions++;

    const userId = event.userId || event.anonymousId;
    if (!userId) continue;
    if (userId !== lastUser || !seen) {
      lastUser = userId;
      const hourMs = hourNumber * HOUR_MS;
      entry(hourUsers, `${projectId} ${hourMs} ${userId}`, () => ({ projectId, hourMs, userId }));
      seen = entry(users, `${projectId} ${userId}`, () => ({ projectId, userId, sawObject: false }));
    }
    if (event.type === 'objectInView') seen.sawObject = true;
  }
  return {
    minutes: minutes.sort(
      (a, b) =>
        a.projectId - b.projectId ||
        compareIds(a.namespace, b.namespace) ||
        compareIds(a.type, b.type) ||
        a.minute - b.minute,
    ),
    hours: [...hours.values()].sort((a, b) => a.projectId - b.projectId || a.hour - b.hour),
    hourUsers: [...hourUsers.values()].sort(
      (a, b) => a.projectId - b.projectId || a.hourMs - b.hourMs || compareText(a.userId, b.userId),
    ),
    users: [...users.values()].sort((a, b) => a.projectId - b.projectId || compareText(a.userId, b.userId)),
  };
}

const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined);

// A row that was there has the mark of this transaction as its xmax, which locked it to update it; a new row has none.
const UPSERT_USERS = `
  WITH changed AS (
    INSERT INTO users AS u (project_id, user_id, saw_object)
    SELECT * FROM unnest($1::integer[], $2::text[], $3::boolean[])
    ON CONFLICT (project_id, user_id) DO UPDATE SET saw_object = true WHERE excluded.saw_object AND NOT u.saw_object
    RETURNING u.project_id, u.saw_object, u.xmax = 0 AS is_new
  )
  INSERT INTO user_count_deltas (project_id, users, saw_object)
  SELECT project_id, count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE saw_object) FROM changed GROUP BY project_id`;

// New rows of hour_users are counted by the statement that makes them: who is there already adds nothing.
const UPSERT_HOURS = `
  WITH fresh AS (
    INSERT INTO hour_users (project_id, hour, user_id)
    SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::text[]) ON CONFLICT DO NOTHING
    RETURNING project_id, hour
  ), counted AS (
    SELECT project_id, hour, count(*) AS users FROM fresh GROUP BY project_id, hour
  )
  INSERT INTO hours AS h (project_id, hour, slot, events, clicks, impressions, unique_users)
  SELECT d.project_id, d.hour, $4, d.events, d.clicks, d.impressions, coalesce(c.users, 0)
  FROM unnest($5::integer[], $6::timestamptz[], $7::bigint[], $8::bigint[], $9::bigint[])
    AS d (project_id, hour, events, clicks, impressions)
  LEFT JOIN counted c USING (project_id, hour)
  ON CONFLICT (project_id, hour, slot) DO UPDATE SET
    events = h.events + excluded.events, clicks = h.clicks + excluded.clicks,
    impressions = h.impressions + excluded.impressions, unique_users = h.unique_users + excluded.unique_users`;

const UPSERT_MINUTES = `
  INSERT INTO series_minutes AS m (project_id, namespace_id, type_id, minute, slot, ${SERIES_SUMS})
  SELECT project_id, namespace_id, type_id, minute, $1, ${SERIES_SUMS}
  FROM unnest($2::integer[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::bigint[],
    $8::double precision[], $9::double precision[], $10::double precision[], $11::timestamptz[], $12::timestamptz[])
    AS d (project_id, namespace_id, type_id, minute, ${SERIES_SUMS})
  ON CONFLICT (project_id, namespace_id, type_id, minute, slot) DO UPDATE SET ${ADD_SERIES_SUMS}`;

/**
 * Adds rollups to their tables, in the writer's own slot: no transaction in flight beside it writes the same counters.
 * @param known users that need not be written again; it learns of these after the commit
 */
export async function writeRollups(
  client: PoolClient,
  { minutes, hours, hourUsers, users }: Rollups,
  { slot, known }: { slot: number; known: KnownUsers },
): Promise<void> {
  if (minutes.length === 0) return;
  const newUsers = users.filter((user) => !known.hasUser(user));
  if (newUsers.length > 0) {
    await client.query(UPSERT_USERS, [
      integers(newUsers.map((u) => u.projectId)),
      texts(newUsers.map((u) => u.userId)),
      booleans(newUsers.map((u) => u.sawObject)),
    ]);
  }
  const newHourUsers = hourUsers.filter((user) => !known.hasHourUser(user));
  await client.query(UPSERT_HOURS, [
    integers(newHourUsers.map((u) => u.projectId)),
    timestamps(newHourUsers.map((u) => u.hourMs)),
    texts(newHourUsers.map((u) => u.userId)),
    slot,
    integers(hours.map((h) => h.projectId)),
    timestamps(hours.map((h) => h.hour * HOUR_MS)),
    bigints(hours.map((h) => h.events)),
    bigints(hours.map((h) => h.clicks)),
    bigints(hours.map((h) => h.impressions)),
  ]);
  await client.query(UPSERT_MINUTES, [
    slot,
    integers(minutes.map((m) => m.projectId)),
    int64s(minutes.map((m) => m.namespace)),
    int64s(minutes.map((m) => m.type)),
    timestamps(minutes.map((m) => m.minute * MINUTE_MS)),
    bigints(minutes.map((m) => m.events)),
    bigints(minutes.map((m) => m.valued)),
    doubles(minutes.map((m) => m.sum)),
    doubles(minutes.map((m) => finite(m.min))),
    doubles(minutes.map((m) => finite(m.max))),
    timestamps(minutes.map((m) => finite(m.firstMs))),
    timestamps(minutes.map((m) => finite(m.firstValuedMs))),
  ]);
}
