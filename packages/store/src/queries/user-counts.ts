import type { Reader } from '../read-only.ts';
import { type TimeRange, timestampOf, timestampsOf } from './timestamps.ts';

/** How many users a project has had in all, as it was counted in a minute. */
export interface UserCounts {
  /** Start of the minute, epoch ms. */
  minuteMs: number;
  users: number;
  /** Those of them that saw an object. */
  sawObject: number;
}

const COUNTS = 'SELECT minute AS "minuteMs", users, saw_object AS "sawObject" FROM user_count_history';

/** The last that were recorded; undefined where none ever were. */
export async function latestUserCounts(reader: Reader, projectId: number): Promise<UserCounts | undefined> {
  const { rows } = await reader.query<UserCounts>(`${COUNTS} WHERE project_id = $1 ORDER BY minute DESC LIMIT 1`, [
    projectId,
  ]);
  return rows[0];
}

export interface UserCountsPage {
  projectId: number;
  range: TimeRange;
  limit: number;
  /** Minute of the last of the page before, epoch ms. */
  afterMs?: number | undefined;
}

/** Those recorded in a range, in order, at most `limit`. */
export async function userCountHistory(
  reader: Reader,
  { projectId, range, limit, afterMs = Number.NEGATIVE_INFINITY }: UserCountsPage,
): Promise<UserCounts[]> {
  const { rows } = await reader.query<UserCounts>(
    `${COUNTS} WHERE project_id = $1 AND minute >= $2 AND minute < $3 AND minute > $4 ORDER BY minute LIMIT $5`,
    [projectId, ...timestampsOf(range), timestampOf(afterMs), limit],
  );
  return rows;
}
