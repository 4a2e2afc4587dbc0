import type { PoolClient } from 'pg';
import { CopyIn } from './copy-in.ts';
import { INT, INTS } from './event-columns.ts';
import { COLUMNS, type EventRows, encodeRows } from './event-row-encoder.ts';
import type { Share } from './partition-batch.ts';
import { withoutStored } from './stored-keys.ts';

interface RowsOf {
  rows: Int32Array;
  of: EventRows;
}

export interface RowsToCopy extends RowsOf {
  /** Called while PostgreSQL is at work on the last rows, with those that it was sent. */
  meanwhile?: (rows: Int32Array) => void;
}

/** Fails as a whole with 23505 if any row is there already. */
async function copyRows(
  client: PoolClient,
  into: string,
  { rows, of, savepoint, meanwhile }: RowsToCopy & { savepoint?: string },
): Promise<void> {
  const before = savepoint === undefined ? '' : `SAVEPOINT ${savepoint}; `;
  const copy = client.query(new CopyIn(`${before}COPY ${into} (${COLUMNS}) FROM STDIN (FORMAT binary)`));
  await copy.send(encodeRows(rows, of), () => meanwhile?.(rows));
}

/**
 * Straight into one partition.
 * @returns false where any row is there already: then none was stored
 */
export async function copyUnlessThere(client: PoolClient, into: string, given: RowsToCopy): Promise<boolean> {
  try {
    await copyRows(client, into, { ...given, savepoint: 'copying' });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== '23505') throw error;
    await client.query('ROLLBACK TO SAVEPOINT copying');
    return false;
  }
}

/**
 * Asks which rows are there already, and copies the others. Where another transaction writes one of these meanwhile, they go
 * through a temporary table.
 * @param given sorted by their key, no key twice
 * @returns those that were new, in their order
 */
export async function storeNew(client: PoolClient, into: string, given: RowsToCopy): Promise<Int32Array> {
  const { of, meanwhile } = given;
  const rows = await withoutStored(client, into, { table: of.table, rows: given.rows });
  if (rows.length === 0) return rows;
  if (await copyUnlessThere(client, into, { rows, of, meanwhile })) return rows;
  return mergeRows(client, into, { rows, of });
}

/** Through a temporary table, passing over rows that are there already; returns those that were new, in their order. */
async function mergeRows(client: PoolClient, into: string, { rows, of }: RowsOf): Promise<Int32Array> {
  await client.query(
    `CREATE TEMPORARY TABLE IF NOT EXISTS staged_events (LIKE events) ON COMMIT DELETE ROWS; TRUNCATE staged_events`,
  );
  await copyRows(client, 'staged_events', { rows, of });
  const { rows: inserted } = await client.query<{ batch_id: number; batch_index: number }>(
    `INSERT INTO ${into} (${COLUMNS})
     SELECT ${COLUMNS} FROM staged_events ORDER BY project_id, session_id, occurred_at, event_id
     ON CONFLICT DO NOTHING
     RETURNING batch_id, batch_index`,
  );
  const fresh = new Set(inserted.map(({ batch_id, batch_index }) => `${batch_id} ${batch_index}`));
  const { ints } = of.table;
  return rows.filter((row) => {
    const { batchId } = of.shareOfRow[ints[row * INTS + INT.share] as number] as Share;
    return fresh.has(`${batchId} ${ints[row * INTS + INT.index]}`);
  });
}
