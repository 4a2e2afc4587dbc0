import { LONG_SESSION_MS, timestampOf } from './timestamps.ts';

/** Adds a value to those of a statement, and tells its place. */
export type Place = (value: unknown) => string;

export const timePlace = (ms: number, place: Place): string => `${place(timestampOf(ms))}::timestamptz`;

/**
 * Selects of the sessions of a project that overlap a time, by corrected times: those that began up to a day before it, and the long
 * ones before. None is in both.
 * @param time epoch ms, its end exclusive
 * @param and further conditions, SQL
 */
export function overlappingSessions(
  projectId: number,
  { fromMs, toMs }: { fromMs: number; toMs: number },
  place: Place,
  and = '',
): { recent: string; long: string } {
  const backTo = timePlace(fromMs - LONG_SESSION_MS, place);
  const select = `SELECT session_id, first_at, last_at FROM sessions
    WHERE project_id = ${place(projectId)} AND last_at >= ${timePlace(fromMs, place)} ${and}`;
  return {
    recent: `${select} AND first_at >= ${backTo} AND first_at < ${timePlace(toMs, place)}`,
    long: `${select} AND first_at < ${backTo} AND is_long`,
  };
}
