import type { ChunkPool } from './chunk-pool.ts';
import { RecordBytes } from './record-bytes.ts';

/** One call of `append`, until all its records are settled. */
export interface Append {
  /** What it counts for as long as any of its records may still be sent. */
  readonly bytes: number;
  /** Number of segments not settled yet. */
  open: number;
  /** The caller has been told that it failed: what was not sent yet is dropped. */
  failed: boolean;
  resolve(): void;
  reject(error: Error): void;
  /** When the caller is told that it failed, ms of a clock that never goes back. */
  readonly expiresAt: number;
}

/** The records of one append in a batch: so many, behind those of the segment before. */
export interface Segment {
  readonly append: Append;
  count: number;
}

/** What is sent of a partition at once, and answered as one. */
export interface AppendBatch {
  readonly segments: readonly Segment[];
  readonly records: RecordBytes;
  /** From then on nothing is added: the broker may have it already. */
  sent: boolean;
  /** It was sent, and not answered: something may still be reading its bytes. */
  astray: boolean;
}

/** A batch on its way to the leader of its partition. */
export interface PartitionBatch {
  topic: string;
  partition: number;
  batch: Pick<AppendBatch, 'records'>;
}

/** Varints, attributes and the like, of a record; a little more than it can be. */
const RECORD_OVERHEAD = 32;

/** What a record of these parts counts. */
export const recordBytes = (key: number, value: number, headers: number): number =>
  RECORD_OVERHEAD + key + value + headers;

/** Two batches with the records of one, in their order; undefined if it holds a single record. */
export function halves({ segments, records }: AppendBatch, pool: ChunkPool): [AppendBatch, AppendBatch] | undefined {
  if (records.count < 2) return undefined;
  const firstCount = records.count >> 1;
  const parts = [new RecordBytes(pool), new RecordBytes(pool)] as const;
  let n = 0;
  for (const record of records.records()) parts[n++ < firstCount ? 0 : 1].addAgain(record);
  const first: Segment[] = [];
  const second: Segment[] = [];
  let wanted = firstCount;
  for (const { append, count } of segments) {
    const here = Math.min(wanted, count);
    wanted -= here;
    if (here > 0) first.push({ append, count: here });
    if (here < count) second.push({ append, count: count - here });
    if (here > 0 && here < count) append.open++;
  }
  return [
    { segments: first, records: parts[0], sent: true, astray: false },
    { segments: second, records: parts[1], sent: true, astray: false },
  ];
}

/** The batch without the records of failed appends; itself, if it has none. */
export function withoutFailed(batch: AppendBatch, pool: ChunkPool): AppendBatch {
  if (!batch.segments.some(({ append }) => append.failed)) return batch;
  const records = new RecordBytes(pool);
  const all = batch.records.records();
  for (const { append, count } of batch.segments) {
    for (let i = 0; i < count; i++) {
      const record = all.next().value as Uint8Array;
      if (!append.failed) records.addAgain(record);
    }
  }
  return { ...batch, segments: batch.segments.filter(({ append }) => !append.failed), records };
}
