import type { Reader } from '../read-only.ts';

/** Where two numbers differ that must be equal. What does not apply is null. */
export interface Difference {
  what: string;
  projectId: number | null;
  /** Start of the hour of the log, epoch ms. */
  hourMs: number | null;
  logId: string | null;
  topic: string | null;
  partition: number | null;
  offset: number | null;
  sessionId: string | null;
  /** What the books say. */
  booked: number | null;
  /** What a recount gives. */
  counted: number | null;
}

export interface CheckResult {
  check: string;
  /** So many places were compared. */
  compared: number;
  /** So many differ; of them `differences` tells the first. */
  different: number;
  differences: Difference[];
}

/** Hours of the log, whole ones: [from, to) as PostgreSQL writes them, and the batches that lie in them. */
export interface Hours {
  from: string;
  to: string;
  /** Ids; none where `firstBatch` is greater. */
  firstBatch: string;
  lastBatch: string;
  /** Whether there is nothing outside of them. */
  everything: boolean;
}

/** Of each check, so that what is answered stays small, however much is wrong. */
const TOLD = 100;

/** The columns of `different`, in the names that `Difference` has. */
const DIFFERENCE = `what, project_id AS "projectId", (extract(epoch FROM hour) * 1000)::bigint AS "hourMs", log_id AS "logId",
  topic, partition, at_offset AS "offset", session_id AS "sessionId", booked, counted`;

/** Columns that a check has no use for. */
export const NO_PLACE = {
  log: 'NULL::text AS log_id, NULL::text AS topic, NULL::integer AS partition',
  hour: 'NULL::timestamptz AS hour',
  project: 'NULL::integer AS project_id',
  offset: 'NULL::bigint AS at_offset',
  session: 'NULL::text AS session_id',
} as const;

/**
 * Runs one check: a single statement, so that PostgreSQL does the counting and only what differs is answered.
 * @param ctes common table expressions, of which `compared` has a row for each place, and `different` the columns of a difference
 */
export async function runCheck(
  reader: Reader,
  check: string,
  { ctes, values }: { ctes: string; values: readonly unknown[] },
): Promise<CheckResult> {
  const { rows } = await reader.query<Omit<CheckResult, 'check'>>(
    `WITH ${ctes}
     SELECT (SELECT count(*) FROM compared) AS compared, (SELECT count(*) FROM different) AS different,
       (SELECT coalesce(json_agg(told), '[]') FROM (SELECT ${DIFFERENCE} FROM different
          ORDER BY hour, log_id, topic, partition, at_offset, project_id, session_id, what LIMIT ${TOLD}) told) AS differences`,
    [...values],
  );
  return { check, ...(rows[0] as Omit<CheckResult, 'check'>) };
}

/**
 * Hours of which a batch holds records together with those of another hour: versions before 0.2 wrote such batches. What
 * they stored cannot be told apart by hours, so these are left out.
 */
export const CROSSED = `crossed AS MATERIALIZED (
  SELECT DISTINCT log_id, topic, partition, generate_series(
    date_trunc('hour', least(first_log_time, last_log_time), 'UTC'),
    date_trunc('hour', greatest(first_log_time, last_log_time), 'UTC'), interval '1 hour') AS hour
  FROM batches
  WHERE date_trunc('hour', first_log_time, 'UTC') <> date_trunc('hour', last_log_time, 'UTC'))`;
