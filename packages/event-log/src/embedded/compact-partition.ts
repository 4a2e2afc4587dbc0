import type { LogRecord, NewRecord } from '../event-log.ts';
import { chunkKey, encodeChunk, recordSize } from './chunk.ts';
import type { LogFile } from './log-file.ts';
import { type Partition, refreshPartition } from './partition.ts';

/** Below so many records it is not worth the writing. */
const LEAST_RECORDS = 1000;
/** Chunks are about as large as those of the appender. */
const CHUNK_BYTES = 256 * 1024;

/**
 * Where most records of a partition have been superseded, writes the last of each key again at the end, in their order,
 * and removes all before, in one transaction: a reader finds the offsets rising, and the last record of each key, at
 * any moment. Only before the partition is read or appended to.
 * @returns how many records went
 */
export async function compactPartition(file: LogFile, partition: Partition): Promise<number> {
  const { topicId, partition: number, start, end } = partition;
  if (end - start < LEAST_RECORDS) return 0;
  const last = new Map<string, LogRecord>();
  const removed: Buffer[] = [];
  for (let next = start; next < end; ) {
    const chunk = file.readChunk(topicId, number, next);
    if (!chunk) return 0; // damaged: for the reader to tell
    removed.push(chunkKey(topicId, number, chunk.baseOffset));
    for (const record of chunk.records) {
      const key = String(record.key);
      last.delete(key); // so that its place is that of its last record
      last.set(key, record);
    }
    next = chunk.nextOffset;
  }
  if (last.size > (end - start) / 2) return 0;

  const timeMs = Math.max(Date.now(), partition.lastTimeMs);
  const chunks: { key: Buffer; chunk: Buffer }[] = [];
  let records: NewRecord[] = [];
  let bytes = 0;
  let next = end;
  const cut = () => {
    if (records.length === 0) return;
    const key = chunkKey(topicId, number, next);
    chunks.push({ key, chunk: encodeChunk(key, records, timeMs, bytes) });
    next += records.length;
    records = [];
    bytes = 0;
  };
  for (const [key, { value, headers }] of last) {
    const texts = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)]));
    const record: NewRecord = { key, value: value ?? Buffer.alloc(0), headers: texts };
    const size = recordSize(record);
    if (bytes + size > CHUNK_BYTES) cut();
    records.push(record);
    bytes += size;
  }
  cut();
  await file.write({ chunks, positions: new Map(), removed });
  refreshPartition(file, partition);
  return end - start - last.size;
}
