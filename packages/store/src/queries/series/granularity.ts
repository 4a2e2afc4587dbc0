/** How events are grouped by corrected time: all in UTC, weeks from Monday as in ISO 8601. `none`: one group of all. */
export const GRANULARITIES = ['minute', 'hour', 'day', 'week', 'month', 'year', 'none'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

export const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** A Monday: from here groups of a fixed width are counted. */
const ORIGIN = '1900-01-01T00:00:00Z';
const ORIGIN_MS = Date.parse(ORIGIN);

const WIDTHS_MS = { minute: MINUTE_MS, hour: 3_600_000, day: DAY_MS, week: 7 * DAY_MS } as const;

const isFixed = (granularity: Granularity): granularity is keyof typeof WIDTHS_MS => granularity in WIDTHS_MS;

/** The start of the group that a time belongs to; 0 for `none`. Epoch ms. */
export function bucketStart(granularity: Granularity, ms: number): number {
  if (granularity === 'none') return 0;
  if (isFixed(granularity)) {
    const width = WIDTHS_MS[granularity];
    return ORIGIN_MS + Math.floor((ms - ORIGIN_MS) / width) * width;
  }
  const date = new Date(ms);
  return startOfMonth(date.getUTCFullYear(), granularity === 'year' ? 0 : date.getUTCMonth());
}

/** The start of the group after the one that starts here; the end of time for `none`. Epoch ms. */
export function nextBucket(granularity: Granularity, startMs: number): number {
  if (granularity === 'none') return Number.POSITIVE_INFINITY;
  if (isFixed(granularity)) return startMs + WIDTHS_MS[granularity];
  const date = new Date(startMs);
  const months = granularity === 'year' ? 12 : 1;
  return startOfMonth(date.getUTCFullYear(), date.getUTCMonth() + months);
}

/** How many groups the range [fromMs, toMs) touches. */
export function countBuckets(granularity: Granularity, { fromMs, toMs }: { fromMs: number; toMs: number }): number {
  if (fromMs >= toMs) return 0;
  if (granularity === 'none') return 1;
  const [first, last] = [bucketStart(granularity, fromMs), bucketStart(granularity, toMs - 1)];
  if (isFixed(granularity)) return (last - first) / WIDTHS_MS[granularity] + 1;
  const months = monthNumber(last) - monthNumber(first);
  return (granularity === 'year' ? months / 12 : months) + 1;
}

/** The same start in SQL, of a timestamptz. */
export function bucketSql(granularity: Granularity, time: string): string {
  if (granularity === 'none') return "'epoch'::timestamptz";
  // Much cheaper than date_trunc with a zone.
  if (isFixed(granularity)) return `date_bin('1 ${granularity}', ${time}, '${ORIGIN}')`;
  return `date_trunc('${granularity}', ${time}, 'UTC')`;
}

function monthNumber(ms: number): number {
  const date = new Date(ms);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

/** Years below 100 are meant as they are, other than by `Date.UTC`. */
function startOfMonth(year: number, month: number): number {
  return new Date(0).setUTCFullYear(year, month, 1);
}
