import { plannedOnce } from '../../planned-once.ts';
import type { Reader } from '../../read-only.ts';
import { SERIES_SUMS, SETTLED_SLOT } from '../../series-sums.ts';
import { timestampsOf } from '../timestamps.ts';
import { type Additive, COLUMNS, type SeriesPart } from './aggregation.ts';
import type { Series } from './find-series.ts';
import { bucketSql, bucketStart, type Granularity } from './granularity.ts';

/** Whole minutes: [fromMs, toMs), both at the start of one, epoch ms. */
export interface WholeMinutes {
  fromMs: number;
  toMs: number;
}

const HOUR_MS = 3_600_000;
const OF_SERIES = 'project_id = $1 AND namespace_id = $2 AND type_id = $3';
/** The slots of a minute are its parts, and so are the minutes of a group: all of them are summed up. */
const IN_MINUTES = `${OF_SERIES} AND minute >= $4 AND minute < $5`;

/**
 * In two parts, since minutes that are brought into one slot stand in an index of their own, with all that is told of them
 * (`series_minutes_compacted`): the rows of a series lie between those of all others of its time, so that a month of
 * one would be read out of the pages of all.
 */
const MINUTES = `(SELECT * FROM series_minutes WHERE slot < 0 UNION ALL SELECT * FROM series_minutes WHERE slot >= 0) minutes`;

/**
 * The same in fewer rows, for groups of hours: whole hours, from $6 to $7, out of their sums and what is not in these
 * yet; minutes before and after.
 */
const HOURS = `(
  SELECT hour AS minute, ${SERIES_SUMS} FROM series_hours WHERE ${OF_SERIES} AND hour >= $6 AND hour < $7
  UNION ALL
  SELECT minute, ${SERIES_SUMS} FROM series_minutes WHERE ${OF_SERIES} AND slot > ${SETTLED_SLOT} AND minute >= $6 AND minute < $7
  UNION ALL
  SELECT minute, ${SERIES_SUMS} FROM ${MINUTES} WHERE ${OF_SERIES} AND minute >= $4 AND minute < $6
  UNION ALL
  SELECT minute, ${SERIES_SUMS} FROM ${MINUTES} WHERE ${OF_SERIES} AND minute >= $7 AND minute < $5
) hours`;

/** The whole hours among minutes; undefined where there is none. */
function hoursIn({ fromMs, toMs }: WholeMinutes): WholeMinutes | undefined {
  const hours = { fromMs: Math.ceil(fromMs / HOUR_MS) * HOUR_MS, toMs: Math.floor(toMs / HOUR_MS) * HOUR_MS };
  return hours.fromMs < hours.toMs ? hours : undefined;
}

/** $1 to $5. */
export const rollupValues = ({ projectId, namespace, type }: Series, minutes: WholeMinutes): unknown[] => [
  projectId,
  namespace.id,
  type.id,
  ...timestampsOf(minutes),
];

/**
 * Groups of whole minutes, out of the rollups, or several parts of one; those without an event that counts are left out. No order.
 * They come as lists in one row: a row for each of them costs as much again, here and there.
 */
export async function seriesRollups(
  reader: Reader,
  series: Series,
  { minutes, granularity, aggregation }: { minutes: WholeMinutes; granularity: Granularity; aggregation: Additive },
): Promise<SeriesPart[]> {
  const hours = granularity === 'minute' ? undefined : hoursIn(minutes);
  const groups = granularity === 'minute' ? minuteParts(aggregation) : bucketParts(aggregation, granularity, hours);
  const { rows } = await reader.query<Record<'counts' | 'firsts' | 'amounts', string | null>>(
    plannedOnce(
      `SELECT array_agg(count)::text AS counts, array_agg((date_part('epoch', first) * 1000)::bigint)::text AS firsts,
       array_agg(amount)::text AS amounts FROM (${groups}) groups`,
      [...rollupValues(series, minutes), ...(hours ? timestampsOf(hours) : [])],
    ),
  );
  const { counts = null, firsts = null, amounts = null } = rows[0] ?? {};
  if (counts === null || firsts === null || amounts === null) return [];
  const [counted, amount] = [numbersOf(counts), numbersOf(amounts)];
  return numbersOf(firsts).map((firstMs, i) => ({
    bucketMs: bucketStart(granularity, firstMs),
    count: counted[i] as number,
    firstMs,
    amount: amount[i] as number,
  }));
}

/** Minutes that are in one slot are not put together once more: most are, and it takes as long as to read them. */
function minuteParts(aggregation: Additive): string {
  const { counted, first, ofRollup, ofRollups } = COLUMNS[aggregation];
  const where = `${IN_MINUTES} AND ${counted} > 0`;
  return `SELECT ${counted} AS count, ${first} AS first, ${ofRollup} AS amount FROM series_minutes WHERE slot < 0 AND ${where}
    UNION ALL
    SELECT sum(${counted})::bigint, min(${first}), ${ofRollups} FROM series_minutes WHERE slot >= 0 AND ${where} GROUP BY minute`;
}

function bucketParts(aggregation: Additive, granularity: Granularity, hours: WholeMinutes | undefined): string {
  const { counted, first, ofRollups } = COLUMNS[aggregation];
  const from = hours ? `${HOURS} WHERE` : `${MINUTES} WHERE ${IN_MINUTES} AND`;
  return `SELECT sum(${counted})::bigint AS count, min(${first}) AS first, ${ofRollups} AS amount
    FROM ${from} ${counted} > 0 GROUP BY ${bucketSql(granularity, 'minute')}`;
}

/** Of an array as PostgreSQL writes it. Infinite sums, and what is none, are no JSON; all else is, which is read several times as quickly. */
const numbersOf = (list: string): number[] =>
  /[IN]/.test(list) ? list.slice(1, -1).split(',').map(Number) : JSON.parse(`[${list.slice(1, -1)}]`);

/**
 * SQL: all of a range of minutes, of `rollupValues`, in one row: `events` of any kind, those `counted`, the time of the first of these,
 * and their `amount`.
 */
export function minuteSql(aggregation: Additive): string {
  const { counted, first, ofRollups } = COLUMNS[aggregation];
  return `SELECT coalesce(sum(events), 0)::bigint AS events, coalesce(sum(${counted}), 0)::bigint AS counted,
    min(${first}) AS first_counted, ${ofRollups} AS amount
    FROM ${MINUTES} WHERE ${IN_MINUTES}`;
}

/** How many events, and how many with a value, were stored in whole minutes: also those that are gone since. */
export async function seriesTally(
  reader: Reader,
  series: Series,
  minutes: WholeMinutes,
): Promise<{ events: number; valued: number }> {
  const { rows } = await reader.query<{ events: number; valued: number }>(
    `SELECT coalesce(sum(events), 0)::bigint AS events, coalesce(sum(valued), 0)::bigint AS valued
     FROM ${MINUTES} WHERE ${IN_MINUTES}`,
    rollupValues(series, minutes),
  );
  return rows[0] ?? { events: 0, valued: 0 };
}

/** From the first minute that has an event to the end of the last; undefined where there is none. */
export async function seriesExtent(
  reader: Reader,
  { projectId, namespace, type }: Series,
): Promise<WholeMinutes | undefined> {
  const end = (order: 'ASC' | 'DESC'): string =>
    `(SELECT minute FROM series_minutes WHERE project_id = $1 AND namespace_id = $2 AND type_id = $3
      ORDER BY minute ${order} LIMIT 1)`;
  const { rows } = await reader.query<{ first: number | null; last: number | null }>(
    `SELECT ${end('ASC')} AS first, ${end('DESC')} AS last`,
    [projectId, namespace.id, type.id],
  );
  const { first = null, last = null } = rows[0] ?? {};
  return first === null || last === null ? undefined : { fromMs: first, toMs: last + 60_000 };
}
