import type { Reader } from '../read-only.ts';
import { type CheckResult, NO_PLACE, runCheck } from './check.ts';

/** How many users each project has, as it is kept, with what is not summed up yet: of all hours, whichever are asked for. */
export function verifyUsers(reader: Reader): Promise<CheckResult> {
  return runCheck(reader, 'users', {
    values: [],
    ctes: `kept AS (
      SELECT project_id, sum(users) AS users, sum(saw_object) AS saw_object FROM (
        SELECT project_id, users, saw_object FROM user_counts
        UNION ALL SELECT project_id, users, saw_object FROM user_count_deltas
      ) parts GROUP BY project_id
    ), counted AS (
      SELECT project_id, count(*) AS users, count(*) FILTER (WHERE saw_object) AS saw_object FROM users GROUP BY project_id
    ), compared AS (
      SELECT project_id, coalesce(k.users, 0) AS kept_users, coalesce(c.users, 0) AS users,
        coalesce(k.saw_object, 0) AS kept_saw_object, coalesce(c.saw_object, 0) AS saw_object
      FROM kept k FULL JOIN counted c USING (project_id)
    ), different AS (
      SELECT v.what, project_id, ${NO_PLACE.hour}, ${NO_PLACE.log}, ${NO_PLACE.offset}, ${NO_PLACE.session}, v.booked, v.counted
      FROM compared CROSS JOIN LATERAL (VALUES
        ('users of a project', kept_users, users),
        ('users of a project that saw an object', kept_saw_object, saw_object)) AS v (what, booked, counted)
      WHERE v.booked <> v.counted)`,
  });
}
