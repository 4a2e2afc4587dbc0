import type { PoolClient } from 'pg';
import { integers, texts, timestamps } from '../write/binary-array.ts';
import type { Sender } from '../write/send-together.ts';

/** A session of which the hops between two corrected times, epoch ms, are to be remade. */
export interface DirtySession {
  projectId: number;
  sessionId: string;
  fromMs: number;
  toMs: number;
}

/**
 * Marks sessions, in the transaction that changes their events. Rows are only added: nobody waits.
 * @param logMs the least log time of what changes them, epoch ms: until they are remade, hops are complete only up to it
 */
export async function markDirty(client: Sender, sessions: readonly DirtySession[], logMs: number): Promise<void> {
  if (sessions.length === 0) return;
  await client.query(
    `INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time)
     SELECT *, $5 FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[])`,
    [
      integers(sessions.map(({ projectId }) => projectId)),
      texts(sessions.map(({ sessionId }) => sessionId)),
      timestamps(sessions.map(({ fromMs }) => fromMs)),
      timestamps(sessions.map(({ toMs }) => toMs)),
      new Date(logMs).toISOString(),
    ],
  );
}

/** Marks sessions as a whole: their events have gone, or some of them. */
export async function markAllDirty(
  client: PoolClient,
  projectId: number,
  sessionIds: readonly string[],
): Promise<void> {
  await client.query(
    `INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time)
     SELECT $1, session_id, '-infinity', 'infinity', now() FROM unnest($2::text[]) AS given (session_id)`,
    [projectId, sessionIds],
  );
}
