import { ADD_SERIES_SUMS, SERIES_SUMS } from '../series-sums.ts';
import { bigints, booleans, doubles, int64s, integers, texts, timestamps } from './binary-array.ts';
import type { ByteInterner } from './byte-interner.ts';
import { FLAG, FLOAT, FLOATS, INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';
import type { HourUser, KnownUsers, SeenUser } from './known-users.ts';
import type { NameEntry, NameId } from './name-registry.ts';
import { PairNumbers } from './pair-numbers.ts';
import type { RowNames } from './row-names.ts';
import type { Sender } from './send-together.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** The series of a type in a namespace. */
interface Series {
  projectId: number;
  namespace: NameId;
  type: NameId;
}

interface MinuteDelta {
  series: Series;
  /** Since the epoch. */
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

function newMinute(series: Series, minute: number): MinuteDelta {
  return {
    series,
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

const compareSeries = (a: Series, b: Series): number =>
  a === b ? 0 : a.projectId - b.projectId || compareIds(a.namespace, b.namespace) || compareIds(a.type, b.type);

/** The series of the rows, each found by numbers alone. */
function seriesOf({
  table,
  names,
}: {
  table: EventTable;
  names: RowNames;
}): (row: number) => Series & { number: number } {
  const { ints, types } = table;
  const pairs = new PairNumbers();
  const found: (Series & { number: number })[] = [];
  return (row) => {
    const at = row * INTS;
    const projectId = ints[at + INT.project] as number;
    const namespace = ints[at + INT.namespace] as number;
    const type = ints[at + INT.type] as number;
    const number = pairs.numberOf(projectId, namespace * types.size + type);
    let series = found[number];
    if (series === undefined) {
      const known = names.ofProject(projectId);
      series = {
        projectId,
        number,
        namespace: (known.namespaces[namespace] as NameEntry).seriesId,
        type: (known.types[type] as NameEntry).seriesId,
      };
      found[number] = series;
    }
    return series;
  };
}

/** Sums up new rows. Only rows that are new may be given: each is counted. */
export function rollupsOf(rows: Int32Array, of: { table: EventTable; names: RowNames }): Rollups {
  const { ints, floats, types, users } = of.table;
  const find = seriesOf(of);
  const minuteNumbers = new PairNumbers();
  const minutes: MinuteDelta[] = [];
  const hourNumbers = new PairNumbers();
  const hours: HourDelta[] = [];
  const usersSeen = new UsersSeen(users);
  const kinds = Array.from({ length: types.size }, (_, type) => COUNTED[types.textOf(type)]);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const at = row * INTS;
    const ms = floats[row * FLOATS + FLOAT.correctedMs] as number;
    const series = find(row);
    const minuteNumber = Math.floor(ms / MINUTE_MS);
    const place = minuteNumbers.numberOf(series.number, minuteNumber);
    let minute = minutes[place];
    if (minute === undefined) {
      minute = newMinute(series, minuteNumber);
      minutes.push(minute);
    }
    addToMinute(
      minute,
      ms,
      (ints[at + INT.flags] as number) & FLAG.value ? floats[row * FLOATS + FLOAT.value] : undefined,
    );

    const { projectId } = series;
    const hourNumber = Math.floor(ms / HOUR_MS);
    const hourPlace = hourNumbers.numberOf(projectId, hourNumber);
    let hour = hours[hourPlace];
    if (hour === undefined) {
      hour = { projectId, hour: hourNumber, events: 0, clicks: 0, impressions: 0 };
      hours.push(hour);
    }
    hour.events++;
    const kind = kinds[ints[at + INT.type] as number];
    if (kind === 'click') hour.clicks++;
    else if (kind === 'impression') hour.impressions++;

    const userId = ints[at + INT.user] as number;
    const user = userId >= 0 && users.lengthOf(userId) > 0 ? userId : (ints[at + INT.anonymous] as number);
    if (user >= 0 && users.lengthOf(user) > 0)
      usersSeen.add(user, { hour, hourPlace, sawObject: kind === 'objectInView' });
  }
  return {
    minutes: minutes.sort((a, b) => compareSeries(a.series, b.series) || a.minute - b.minute),
    hours: hours.sort((a, b) => a.projectId - b.projectId || a.hour - b.hour),
    ...usersSeen.sorted(),
  };
}

/** What is counted, or noted of a user, by its type. */
const COUNTED: Readonly<Record<string, 'click' | 'impression' | 'objectInView' | undefined>> = Object.assign(
  Object.create(null),
  { click: 'click', impression: 'impression', objectInView: 'objectInView' },
);

/** Who was seen, and in which hours: by numbers, until all are known. */
class UsersSeen {
  readonly #texts: ByteInterner;
  readonly #users = new PairNumbers();
  readonly #sawObject: boolean[] = [];
  readonly #hours = new PairNumbers();
  readonly #hourUsers: HourUser[] = [];

  constructor(texts: ByteInterner) {
    this.#texts = texts;
  }

  add(user: number, seen: { hour: HourDelta; hourPlace: number; sawObject: boolean }): void {
    const { hour, hourPlace, sawObject } = seen;
    const place = this.#users.numberOf(hour.projectId, user);
    this.#sawObject[place] = sawObject || this.#sawObject[place] === true;
    if (this.#hours.numberOf(hourPlace, user) < this.#hourUsers.length) return;
    const { projectId } = hour;
    this.#hourUsers.push({ projectId, hourMs: hour.hour * HOUR_MS, userId: this.#texts.textOf(user) });
  }

  sorted(): Pick<Rollups, 'hourUsers' | 'users'> {
    const users = this.#sawObject.map((sawObject, place) => ({
      projectId: this.#users.leftOf(place),
      userId: this.#texts.textOf(this.#users.rightOf(place)),
      sawObject,
    }));
    return {
      hourUsers: this.#hourUsers.sort(
        (a, b) => a.projectId - b.projectId || a.hourMs - b.hourMs || compareText(a.userId, b.userId),
      ),
      users: users.sort((a, b) => a.projectId - b.projectId || compareText(a.userId, b.userId)),
    };
  }
}

const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined);

/**
 * Adds users to those of all time, and to what has changed of their number; $1 to $3 are lists. A row that was there has the mark of
 * this transaction as its xmax, which locked it to update it; a new row has none.
 */
export const UPSERT_USERS = `
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
  client: Sender,
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
    integers(minutes.map((m) => m.series.projectId)),
    int64s(minutes.map((m) => m.series.namespace)),
    int64s(minutes.map((m) => m.series.type)),
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
