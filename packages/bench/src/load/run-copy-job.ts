import { type FileHandle, open } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { difference, treeCpuMicros } from '../measure/process-usage.ts';
import { FRAME_BYTES, frameRows, ROWS_AT } from './copy-rows.ts';
import type { RowChunk, RowDump } from './dump-rows.ts';

/** Rows that were encoded beforehand, straight into their tables: each portion a COPY, and a transaction, of its own. */
export interface CopyJob {
  url: string;
  dump: RowDump;
  /** So many portions at a time. */
  connections: number;
  /** Whose use of the CPU is measured, with all its processes. */
  postmasterPid: number;
}

export interface CopyReport {
  rows: number;
  seconds: number;
  cpuMicros: number;
  databaseMicros: number | undefined;
}

/** Handed to the connection at a time: PostgreSQL works on one while the next comes. */
const PIECE_BYTES = 128 * 1024;

export async function runCopyJob({ url, dump, connections, postmasterPid }: CopyJob): Promise<CopyReport> {
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new Client({ connectionString: url });
      await client.connect();
      return client;
    }),
  );
  const file = await open(dump.file, 'r');
  const begun = { cpu: process.cpuUsage(), database: treeCpuMicros(postmasterPid), ms: performance.now() };
  let next = 0;
  const work = async (client: Client) => {
    for (let chunk = dump.chunks[next++]; chunk; chunk = dump.chunks[next++]) {
      await copyChunk(
        client,
        `COPY ${chunk.table} (${dump.columns}) FROM STDIN (FORMAT binary)`,
        await read(file, chunk),
      );
    }
  };
  await Promise.all(clients.map(work));
  const seconds = (performance.now() - begun.ms) / 1000;
  const { user, system } = process.cpuUsage(begun.cpu);
  const database = treeCpuMicros(postmasterPid);
  await file.close();
  for (const client of clients) await client.end();
  return {
    rows: dump.chunks.reduce((sum, { rows }) => sum + rows, 0),
    seconds,
    cpuMicros: user + system,
    databaseMicros: difference(database, begun.database),
  };
}

/** A chunk with COPY's head and end around it. */
async function read(file: FileHandle, { offset, bytes }: RowChunk): Promise<Buffer> {
  const framed = Buffer.allocUnsafe(bytes + FRAME_BYTES);
  const { bytesRead } = await file.read(framed, ROWS_AT, bytes, offset);
  if (bytesRead < bytes) throw new Error('The dumped rows are cut off');
  frameRows(framed);
  return framed;
}

async function copyChunk(client: Client, sql: string, bytes: Buffer): Promise<void> {
  const stream = client.query(copyFrom(sql));
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) stream.write(bytes.subarray(at, at + PIECE_BYTES));
  stream.end();
  await finished(stream);
}
