import type { Reader } from '../read-only.ts';
import { SESSION_COLUMNS, type SessionRecord, type StoredSession, toStoredSessions } from './stored-session.ts';

/** One session; undefined if no event of it is stored. */
export async function findSession(
  reader: Reader,
  projectId: number,
  sessionId: string,
): Promise<StoredSession | undefined> {
  const { rows } = await reader.query<SessionRecord>(
    `SELECT ${SESSION_COLUMNS} FROM sessions WHERE project_id = $1 AND session_id = $2`,
    [projectId, sessionId],
  );
  return (await toStoredSessions(reader, projectId, rows))[0];
}
