import type { Reader } from '../read-only.ts';

/** Why an event could not be stored, and where it stood in the log. Times in epoch ms. */
export interface FoundDeadLetter {
  id: number;
  code: string;
  detail: string;
  logId: string;
  topic: string;
  partition: number;
  offset: number;
  /** When it was put aside. */
  atMs: number;
  replayedMs: number | null;
  discardedMs: number | null;
}

/** The newest dead letter with an event's id. With a session: of that one, or whose session could not be read. */
export async function findDeadLetter(
  reader: Reader,
  { projectId, eventId, sessionId }: { projectId: number; eventId: string; sessionId?: string | undefined },
): Promise<FoundDeadLetter | undefined> {
  const { rows } = await reader.query<FoundDeadLetter>(
    `SELECT id, code, detail, log_id AS "logId", topic, partition, log_offset AS "offset", created_at AS "atMs",
       replayed_at AS "replayedMs", discarded_at AS "discardedMs"
     FROM dead_letters
     WHERE project_id = $1 AND event_id = $2 AND ($3::text IS NULL OR session_id IS NULL OR session_id = $3)
     ORDER BY id DESC LIMIT 1`,
    [projectId, eventId, sessionId ?? null],
  );
  return rows[0];
}
