import { carriesUser } from '../erasure/erase-dead-letters.ts';
import type { StoredEvent } from '../queries/stored-event.ts';
import { readStoredSessions, SESSION_COLUMNS, type StoredSession } from '../queries/stored-session.ts';
import type { LongReader } from '../read-long.ts';
import type { Reader } from '../read-only.ts';
import { readEvents } from './read-events.ts';

/** A dead letter with its bytes. Times in epoch ms. */
export interface ExportedDeadLetter {
  code: string;
  detail: string;
  logId: string;
  topic: string;
  partition: number;
  offset: number;
  logMs: number;
  value: Buffer | null;
  /** What it is replayed as, where that was begun. */
  replay: Buffer | null;
}

/** One thing that is stored of a user. */
export type ExportedItem = { event: StoredEvent } | { session: StoredSession } | { deadLetter: ExportedDeadLetter };

const AT_ONCE = 500;

/**
 * Everything that is stored of a user, a `userId` or an `anonymousId`: events by time, then the sessions that they are of
 * or that show the user, then dead letters that carry the id. Run it over one snapshot; events are read whole, since none is
 * found by its user otherwise. In memory are a few hundred, and the ids of the user's sessions.
 */
export async function* exportUser(
  reader: LongReader,
  { projectId, userId }: { projectId: number; userId: string },
): AsyncGenerator<ExportedItem> {
  const sessionIds = new Set<string>();
  for await (const events of readEvents(reader, { user: userId, projectId })) {
    for (const event of events) {
      sessionIds.add(event.sessionId);
      yield { event };
    }
  }
  const own = await reader.query<{ id: string }>(
    'SELECT session_id AS id FROM sessions WHERE project_id = $1 AND user_id = $2',
    [projectId, userId],
  );
  for (const { id } of own.rows) sessionIds.add(id);
  for await (const session of sessionsOf(reader, projectId, [...sessionIds].sort())) {
    // Of a session that several share, whose it was last is nobody else's business.
    yield { session: session.userId === userId ? session : { ...session, userId: null } };
  }
  yield* deadLettersOf(reader, projectId, userId);
}

async function* sessionsOf(reader: Reader, projectId: number, ids: readonly string[]): AsyncGenerator<StoredSession> {
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    yield* await readStoredSessions(reader, projectId, {
      select: `SELECT ${SESSION_COLUMNS} FROM sessions WHERE project_id = $1 AND session_id = ANY ($2::text[])`,
      order: 'session_id',
      values: [projectId, ids.slice(from, from + AT_ONCE)],
    });
  }
}

async function* deadLettersOf(reader: Reader, projectId: number, userId: string): AsyncGenerator<ExportedItem> {
  let after = 0;
  for (let count = AT_ONCE; count === AT_ONCE; ) {
    const { rows } = await reader.query<ExportedDeadLetter & { id: number }>(
      `SELECT id, code, detail, log_id AS "logId", topic, partition, log_offset AS "offset", log_time AS "logMs",
         record_value AS value, replay_value AS replay
       FROM dead_letters WHERE project_id = $1 AND id > $2 ORDER BY id LIMIT ${AT_ONCE}`,
      [projectId, after],
    );
    count = rows.length;
    after = rows.at(-1)?.id ?? after;
    for (const { id: _, ...deadLetter } of rows) {
      if (carriesUser(deadLetter.value, userId) || carriesUser(deadLetter.replay, userId)) yield { deadLetter };
    }
  }
}
