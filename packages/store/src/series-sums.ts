import { addedSum, totalSum } from './value-sum.ts';

/** Minutes in this slot of `series_minutes` are in the sums of their hours, too. */
export const SETTLED_SLOT = -2;

/** SQL: what `series_minutes` and `series_hours` have beside their keys. */
export const SERIES_SUMS = 'events, valued, value_sum, value_min, value_max, first_at, first_valued_at';

/** SQL: those columns over several rows. */
export const TOTAL_SERIES_SUMS = `sum(events), sum(valued), ${totalSum('value_sum')}, min(value_min), max(value_max), min(first_at),
  min(first_valued_at)`;

/** SQL: those columns of a row `m` that is there already, with what was to be inserted added. */
export const ADD_SERIES_SUMS = `
  events = m.events + excluded.events, valued = m.valued + excluded.valued,
  value_sum = ${addedSum('m.value_sum', 'excluded.value_sum')}, value_min = least(m.value_min, excluded.value_min),
  value_max = greatest(m.value_max, excluded.value_max), first_at = least(m.first_at, excluded.first_at),
  first_valued_at = least(m.first_valued_at, excluded.first_valued_at)`;
