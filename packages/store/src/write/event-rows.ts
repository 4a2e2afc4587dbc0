import type { PoolClient } from 'pg';
import { CopyIn } from './copy-in.ts';
import { INT, INTS } from './event-columns.ts';
import { COLUMNS, type EventRows, encodeRows } from './event-row-encoder.ts';
import type { Share } from './partition-batch.ts';

export interface RowsOf {
  rows: Int32Array;
  of: EventRows;
}

export interface CopyOptions {
  /** Made before, in the same go. */
  savepoint?: string;
  /** Called while PostgreSQL is at work on the last rows. */
  meanwhile?: (() => void) | undefined;
}

/** Straight into one partition. Fails as a whole with 23505 if any row is there already. */
export async function copyRows(
  client: PoolClient,
  into: string,
  { rows, of, savepoint, meanwhile }: RowsOf & CopyOptions,
): Promise<void> {
  const before = savepoint === undefined ? '' : `SAVEPOINT ${savepoint}; `;
  const copy = client.query(new CopyIn(`${before}COPY ${into} (${COLUMNS}) FROM STDIN (FORMAT binary)`));
  await copy.send(encodeRows(rows, of), meanwhile);
}

/** Through a temporary table, passing over rows that are there already; returns those that were new, in their order. */
export async function mergeRows(client: PoolClient, into: string, { rows, of }: RowsOf): Promise<Int32Array> {
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
