import type { Writer } from '../read-write.ts';
import { type DeadLetterFilter, type DeadLetterState, deadLetterCondition } from './dead-letter-filter.ts';

/**
 * Marks a dead letter as one that is not wanted, if it is open and its replay was not begun. Its bytes stay.
 * @returns its state before; `replaying`: its record may be in the log already. Undefined if there is none
 */
export async function discardDeadLetter(
  writer: Writer,
  projectId: number,
  id: number,
): Promise<DeadLetterState | 'replaying' | undefined> {
  const { rows } = await writer.query<{ before: DeadLetterState | 'replaying' }>(
    `WITH found AS (
       SELECT id, CASE WHEN replayed_at IS NOT NULL THEN 'replayed' WHEN discarded_at IS NOT NULL THEN 'discarded'
         WHEN replay_value IS NOT NULL THEN 'replaying' ELSE 'open' END AS before
       FROM dead_letters WHERE project_id = $1 AND id = $2 FOR UPDATE
     ), discarded AS (
       UPDATE dead_letters d SET discarded_at = now() FROM found f WHERE d.id = f.id AND f.before = 'open'
     )
     SELECT before FROM found`,
    [projectId, id],
  );
  return rows[0]?.before;
}

/**
 * The same for those open that the filter selects, the ones put aside first first, at most `limit`.
 * @returns how many
 */
export async function discardDeadLetters(
  writer: Writer,
  filter: Omit<DeadLetterFilter, 'state'>,
  limit: number,
): Promise<number> {
  const values: unknown[] = [limit];
  const condition = deadLetterCondition({ ...filter, state: 'open' }, values);
  const { rowCount } = await writer.query(
    // As an array it is selected once. As a subquery it may be run for each row of a join, and each time pass over what is done.
    `UPDATE dead_letters SET discarded_at = now() WHERE id = ANY (ARRAY(
       SELECT id FROM dead_letters WHERE ${condition} AND replay_value IS NULL ORDER BY id LIMIT $1 FOR UPDATE
     ))`,
    values,
  );
  return rowCount ?? 0;
}
