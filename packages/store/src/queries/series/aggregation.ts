/** What is told of the events of a group. `count` is of all events, the others of those with a value. */
export const AGGREGATIONS = ['avg', 'max', 'min', 'sum', 'count', 'p50', 'p95', 'p99'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

const FRACTIONS = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;
export type Percentile = keyof typeof FRACTIONS;
/** Those that can be put together from parts of a group. */
export type Additive = Exclude<Aggregation, Percentile>;

export const isPercentile = (aggregation: Aggregation): aggregation is Percentile => aggregation in FRACTIONS;

export const fractionOf = (percentile: Percentile): number => FRACTIONS[percentile];

/** One group, or a part of one: by the start of its group. Times in epoch ms. */
export interface SeriesPart {
  bucketMs: number;
  /** The events that count. */
  count: number;
  /** The lowest corrected time of those. */
  firstMs: number;
  /** The sum for `avg`, else the aggregate itself. */
  amount: number;
}

interface Columns {
  /** How many count, of a row of `series_minutes`. */
  counted: string;
  /** Their lowest time. */
  first: string;
  /** Of a row of `series_minutes`; and over such rows. */
  ofRollup: string;
  ofRollups: string;
  /** Over rows of `events`. */
  ofEvents: string;
}

const valued = { counted: 'valued', first: 'first_valued_at' };
const SUM: Columns = { ...valued, ofRollup: 'value_sum', ofRollups: 'sum(value_sum)', ofEvents: 'sum(value)' };

/** The SQL of an aggregation; of rows of `events` only those with a value go in, but for `count`. */
export const COLUMNS: Readonly<Record<Additive, Columns>> = {
  avg: SUM,
  sum: SUM,
  max: { ...valued, ofRollup: 'value_max', ofRollups: 'max(value_max)', ofEvents: 'max(value)' },
  min: { ...valued, ofRollup: 'value_min', ofRollups: 'min(value_min)', ofEvents: 'min(value)' },
  count: {
    counted: 'events',
    first: 'first_at',
    ofRollup: 'events',
    ofRollups: 'sum(events)::bigint',
    ofEvents: 'count(*)',
  },
};

const addAmounts = (aggregation: Additive, a: number, b: number): number => {
  if (aggregation === 'max') return Math.max(a, b);
  return aggregation === 'min' ? Math.min(a, b) : a + b;
};

/** Parts of the same groups put together, in order of time. No event may be in two of them. */
export function mergeParts(aggregation: Additive, parts: readonly SeriesPart[]): SeriesPart[] {
  const merged: SeriesPart[] = [];
  for (const part of [...parts].sort((a, b) => a.bucketMs - b.bucketMs)) {
    const other = merged.at(-1);
    if (other?.bucketMs !== part.bucketMs) merged.push(part);
    else {
      merged[merged.length - 1] = {
        bucketMs: part.bucketMs,
        count: other.count + part.count,
        firstMs: Math.min(other.firstMs, part.firstMs),
        amount: addAmounts(aggregation, other.amount, part.amount),
      };
    }
  }
  return merged;
}
