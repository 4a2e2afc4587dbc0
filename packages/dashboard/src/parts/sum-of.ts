import type { LedgerHour } from '../api.ts';

export type LedgerCounts = Omit<LedgerHour, 'hour' | 'balanced'>;

/** The sums of the hours, part by part. */
export function sumOf(hours: readonly LedgerCounts[]): LedgerCounts {
  const sums = { read: 0, stored: 0, duplicate: 0, deadLettered: 0, erased: 0, expired: 0, removed: 0 };
  for (const hour of hours) for (const part of Object.keys(sums) as (keyof LedgerCounts)[]) sums[part] += hour[part];
  return sums;
}
