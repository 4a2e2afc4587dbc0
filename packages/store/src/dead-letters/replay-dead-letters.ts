import type { Writer } from '../read-write.ts';

/** How a dead letter is to be replayed. */
export interface PreparedReplay {
  id: number;
  /** The value of the record that is to be appended. */
  value: Buffer;
  eventId: string;
  sessionId: string;
}

/**
 * Writes down with which record each dead letter is replayed, before it is appended; whoever comes second finds the
 * record of the first. Ids by which the event could not be found so far are kept, too.
 * @returns by id, the value to append: the given one, or the one that was there already. What is gone is not in it.
 */
export async function prepareReplays(
  writer: Writer,
  projectId: number,
  replays: readonly PreparedReplay[],
): Promise<Map<number, Buffer>> {
  const { rows } = await writer.query<{ id: number; value: Buffer }>(
    `WITH given AS (
       SELECT * FROM unnest($2::bigint[], $3::bytea[], $4::uuid[], $5::text[]) AS g (id, value, event_id, session_id)
     ), held AS (
       SELECT d.id FROM dead_letters d WHERE d.project_id = $1 AND d.id = ANY($2::bigint[]) ORDER BY d.id FOR UPDATE
     )
     UPDATE dead_letters d SET replay_value = coalesce(d.replay_value, g.value),
       event_id = coalesce(d.event_id, g.event_id), session_id = coalesce(d.session_id, g.session_id)
     FROM given g JOIN held h USING (id) WHERE d.project_id = $1 AND d.id = g.id
     RETURNING d.id, d.replay_value AS value`,
    [
      projectId,
      replays.map(({ id }) => id),
      replays.map(({ value }) => value),
      replays.map(({ eventId }) => eventId),
      replays.map(({ sessionId }) => sessionId),
    ],
  );
  return new Map(rows.map(({ id, value }) => [id, value]));
}

/** Takes back what `prepareReplays` wrote down, of replays that the log can never take. */
export async function forgetReplays(writer: Writer, projectId: number, ids: readonly number[]): Promise<void> {
  await writer.query(
    `UPDATE dead_letters SET replay_value = NULL
     WHERE project_id = $1 AND id = ANY($2::bigint[]) AND replayed_at IS NULL`,
    [projectId, ids],
  );
}

/**
 * Marks dead letters as replayed, once their records are in the log.
 * @returns when, epoch ms
 */
export async function markReplayed(writer: Writer, projectId: number, ids: readonly number[]): Promise<number> {
  const { rows } = await writer.query<{ at: number }>(
    `WITH held AS (
       SELECT id FROM dead_letters WHERE project_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE
     ), moment AS (SELECT now() AS at), marked AS (
       UPDATE dead_letters d SET replayed_at = at, discarded_at = NULL FROM held, moment
       WHERE d.project_id = $1 AND d.id = held.id
     )
     SELECT at FROM moment`,
    [projectId, ids],
  );
  return (rows[0] as { at: number }).at;
}
