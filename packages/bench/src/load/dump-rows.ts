import { open } from 'node:fs/promises';
import { type Client, escapeIdentifier } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { CopyRows } from './copy-rows.ts';

/** Rows that stand one after the other in the file, in the binary format of COPY, without its head and end. */
export interface RowChunk {
  table: string;
  offset: number;
  bytes: number;
  rows: number;
}

export interface RowDump {
  file: string;
  /** As they stand in a COPY statement. */
  columns: string;
  chunks: RowChunk[];
}

/**
 * Writes the rows of `events` to a file in the portions in which a worker brings them: so many as they were stored one
 * after the other, and each portion sorted by the primary key.
 */
export async function dumpRows(client: Client, file: string, rowsPerChunk: number): Promise<RowDump> {
  const tables = await leavesOf(client, 'events');
  const columns = await columnsOf(client, 'events');
  const chunks: RowChunk[] = [];
  const output = await open(file, 'w');
  try {
    let offset = 0;
    await client.query(`SET work_mem = '256MB'`);
    for (const table of tables) {
      for await (const rows of portions(client, { table, columns, rowsPerChunk })) {
        const bytes = Buffer.concat(rows);
        await output.write(bytes);
        chunks.push({ table, offset, bytes: bytes.length, rows: rows.length });
        offset += bytes.length;
      }
    }
  } finally {
    await output.close();
  }
  return { file, columns, chunks };
}

async function leavesOf(client: Client, parent: string): Promise<string[]> {
  const { rows } = await client.query<{ leaf: string }>(
    'SELECT relid::regclass::text AS leaf FROM pg_partition_tree($1::regclass) WHERE isleaf ORDER BY 1',
    [parent],
  );
  return rows.map(({ leaf }) => leaf);
}

async function columnsOf(client: Client, table: string): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`,
    [table],
  );
  return rows.map(({ name }) => escapeIdentifier(name)).join(', ');
}

async function* portions(
  client: Client,
  { table, columns, rowsPerChunk }: { table: string; columns: string; rowsPerChunk: number },
): AsyncGenerator<Buffer[], void, undefined> {
  const numbered = `SELECT *, (row_number() OVER (ORDER BY batch_id, batch_index) - 1) / ${rowsPerChunk} AS portion FROM ${table}`;
  const stream = client.query(
    copyTo(
      `COPY (SELECT ${columns} FROM (${numbered}) numbered
         ORDER BY portion, project_id, session_id, occurred_at, event_id) TO STDOUT (FORMAT binary)`,
    ),
  );
  const reader = new CopyRows();
  let held: Buffer[] = [];
  for await (const chunk of stream) {
    for (const row of reader.take(chunk as Buffer)) {
      held.push(row);
      if (held.length < rowsPerChunk) continue;
      yield held;
      held = [];
    }
  }
  reader.finish();
  if (held.length > 0) yield held;
}
