import type { Reader } from '../read-only.ts';

const DAY_MS = 86_400_000;

/** What of a project is expired: everything that occurred before this time, epoch ms, a whole day. */
export interface RetentionRules {
  /** −Infinity: nothing, it is kept for ever. */
  cutoffMs(projectId: number): number;
  /** Projects with a retention of their own or by default, as far as anything was set for them. */
  readonly projects: readonly number[];
  /** The latest of all cutoffs. */
  readonly latestMs: number;
}

/**
 * The retention of all projects, as of `throughMs`: what the log took later and is not stored yet belongs to a time in which
 * nothing has expired meanwhile. Never later than the database's own clock.
 * @param defaultDays for projects that have none of their own; undefined: for ever
 */
export async function readRetentionRules(
  reader: Reader,
  { throughMs, defaultDays }: { throughMs: number; defaultDays: number | undefined },
): Promise<RetentionRules> {
  const { rows } = await reader.query<{ id: number; days: number | null; now: number }>(
    `SELECT p.id, CASE WHEN jsonb_typeof(s.value -> 'retentionDays') = 'number'
         THEN (s.value ->> 'retentionDays')::double precision END AS days, clock_timestamp() AS now
     FROM (SELECT id FROM projects UNION ALL SELECT NULL) p LEFT JOIN settings s ON s.key = 'project:' || p.id`,
  );
  const asOfMs = Math.min(throughMs, ...rows.map(({ now }) => now));
  const cutoffOf = (days: number | null | undefined): number =>
    days == null || days <= 0 ? Number.NEGATIVE_INFINITY : Math.floor((asOfMs - days * DAY_MS) / DAY_MS) * DAY_MS;
  const byDefault = cutoffOf(defaultDays);
  const known = rows.filter(({ id }) => id !== null);
  const cutoffs = new Map(known.map(({ id, days }) => [id, days === null ? byDefault : cutoffOf(days)]));
  return {
    cutoffMs: (projectId) => cutoffs.get(projectId) ?? byDefault,
    projects: [...cutoffs].filter(([, cutoff]) => cutoff > Number.NEGATIVE_INFINITY).map(([id]) => id),
    latestMs: Math.max(byDefault, ...cutoffs.values()),
  };
}
