import type { Reader } from '../read-only.ts';
import { type DeadLetterFilter, deadLetterCondition } from './dead-letter-filter.ts';
import { LISTED_COLUMNS, type ListedDeadLetter } from './list-dead-letters.ts';

/** A dead letter with its bytes. */
export interface StoredDeadLetter extends ListedDeadLetter {
  key: Buffer | null;
  value: Buffer | null;
  /** Texts: bytes that are none were replaced when it was put aside. */
  headers: Readonly<Record<string, string>>;
  /** The value of the record that it was, or is being, replayed with. */
  replayValue: Buffer | null;
}

const COLUMNS = `${LISTED_COLUMNS}, record_key AS key, record_value AS value, record_headers AS headers,
  replay_value AS "replayValue"`;

/** One dead letter of a project, or undefined. */
export async function readDeadLetter(
  reader: Reader,
  projectId: number,
  id: number,
): Promise<StoredDeadLetter | undefined> {
  const { rows } = await reader.query<StoredDeadLetter>(
    `SELECT ${COLUMNS} FROM dead_letters WHERE project_id = $1 AND id = $2`,
    [projectId, id],
  );
  return rows[0];
}

export interface DeadLettersPage {
  filter: DeadLetterFilter;
  limit: number;
  /** The list ends before more bytes of values than this; with one dead letter at least. */
  maxBytes: number;
  /** The last id of the page before. */
  after?: number | undefined;
}

/**
 * Dead letters with their bytes, the one put aside first first: so those of a partition come in the order of its log.
 * `more`: there are others after them.
 */
export async function readDeadLetters(
  reader: Reader,
  { filter, limit, maxBytes, after }: DeadLettersPage,
): Promise<{ letters: StoredDeadLetter[]; more: boolean }> {
  const values: unknown[] = [limit + 1];
  const condition = deadLetterCondition(filter, values);
  const { rows: sizes } = await reader.query<{ id: number; bytes: number }>(
    `SELECT id, coalesce(octet_length(record_value), 0) + coalesce(octet_length(replay_value), 0) AS bytes
     FROM dead_letters WHERE ${condition} ${after === undefined ? '' : `AND id > $${values.push(after)}`}
     ORDER BY id LIMIT $1`,
    values,
  );
  const ids: number[] = [];
  let sum = 0;
  for (const { id, bytes } of sizes.slice(0, limit)) {
    sum += bytes;
    if (ids.length > 0 && sum > maxBytes) break;
    ids.push(id);
  }
  const { rows } = await reader.query<StoredDeadLetter>(
    `SELECT ${COLUMNS} FROM dead_letters WHERE project_id = $1 AND id = ANY($2::bigint[]) ORDER BY id`,
    [filter.projectId, ids],
  );
  return { letters: rows, more: sizes.length > ids.length };
}
