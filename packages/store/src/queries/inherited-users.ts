import type { Reader } from '../read-only.ts';

/** How many sessions back a user is looked for: a bound against rings, far beyond any chain of refreshes. */
export const PREDECESSORS = 64;

/** For sessions without a user of their own: the user of the nearest predecessor that has one, by session id. */
export async function inheritedUsers(
  reader: Reader,
  projectId: number,
  sessions: readonly { session_id: string; previous_session_id: string | null }[],
): Promise<Map<string, string>> {
  const asking = sessions.filter(({ previous_session_id }) => previous_session_id !== null);
  if (asking.length === 0) return new Map();
  const { rows } = await reader.query<{ asking: string; user_id: string }>(
    `WITH RECURSIVE chain AS (
       SELECT given.asking COLLATE "C" AS asking, given.previous COLLATE "C" AS previous, NULL::text COLLATE "C" AS user_id,
         0 AS depth
       FROM unnest($2::text[], $3::text[]) AS given (asking, previous)
       UNION ALL
       SELECT chain.asking, s.previous_session_id, s.user_id, depth + 1
       FROM chain JOIN sessions s ON s.project_id = $1 AND s.session_id = chain.previous
       WHERE chain.user_id IS NULL AND depth < ${PREDECESSORS}
     )
     SELECT asking, user_id FROM chain WHERE user_id IS NOT NULL`,
    [
      projectId,
      asking.map(({ session_id }) => session_id),
      asking.map(({ previous_session_id }) => previous_session_id),
    ],
  );
  return new Map(rows.map(({ asking: id, user_id }) => [id, user_id]));
}
