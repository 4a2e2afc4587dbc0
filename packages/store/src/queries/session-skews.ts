import { SKEW_MARGIN_MS } from './timestamps.ts';

const skew = (column: string, otherwise: number): string =>
  `CASE WHEN s.skews_of = s.event_count THEN s.${column} ELSE ${otherwise} END`;

/**
 * Between which skews the events of a row `s` of `sessions` are, ms: a range [from, to] of corrected times is that of
 * occurred_at from `from` − greatest to `to` − least. As wide as can be where it is not known of all of them, because an older
 * program stored some.
 */
export const LEAST_SKEW = skew('least_skew_ms', -SKEW_MARGIN_MS);
export const GREATEST_SKEW = skew('greatest_skew_ms', SKEW_MARGIN_MS);
