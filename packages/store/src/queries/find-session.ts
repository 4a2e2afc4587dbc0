import type { Reader } from '../read-only.ts';
import { readStoredSessions, SESSION_COLUMNS, type StoredSession } from './stored-session.ts';

/** One session; undefined if no event of it is stored. */
export async function findSession(
  reader: Reader,
  projectId: number,
  sessionId: string,
): Promise<StoredSession | undefined> {
  const [session] = await readStoredSessions(reader, projectId, {
    select: `SELECT ${SESSION_COLUMNS} FROM sessions WHERE project_id = $1 AND session_id = $2`,
    order: 'session_id',
    values: [projectId, sessionId],
    isByKey: true,
  });
  return session;
}
