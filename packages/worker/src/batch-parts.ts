/** What is to be taken from one partition of the log: its records are judged only when their turn has come. */
export interface UnjudgedBatch {
  topic: string;
  partition: number;
  /** Where the partition's stored position must stand. */
  firstOffset: number;
  nextOffset: number;
  /** Where the log ended when it was read, if that is known. */
  endOffset?: number;
  /** In order, at least one. */
  records: readonly { offset: number; timeMs: number }[];
}

const HOUR_MS = 3_600_000;

/** A batch cut before the records at these indexes (ascending, none of them 0). */
function cutBefore<Batch extends UnjudgedBatch>(batch: Batch, indexes: readonly number[]): Batch[] {
  const { records } = batch;
  const bounds = [0, ...indexes, records.length];
  return bounds.slice(0, -1).map((from, i) => {
    const to = bounds[i + 1] as number;
    return {
      ...batch,
      firstOffset: from === 0 ? batch.firstOffset : records[from]?.offset,
      nextOffset: to === records.length ? batch.nextOffset : records[to]?.offset,
      records: records.slice(from, to),
    };
  });
}

/** Parts that lie in one hour of the log each: so every row of `batches`, and every event by it, belongs to one hour of the ledger. */
export function cutByHour<Batch extends UnjudgedBatch>(batch: Batch): Batch[] {
  const hourOf = (i: number): number => Math.floor((batch.records[i]?.timeMs ?? 0) / HOUR_MS);
  const edges: number[] = [];
  for (let i = 1; i < batch.records.length; i++) if (hourOf(i) !== hourOf(i - 1)) edges.push(i);
  return edges.length === 0 ? [batch] : cutBefore(batch, edges);
}

/** A batch of more records than that, in two: first so many. */
export const cutAfter = <Batch extends UnjudgedBatch>(batch: Batch, records: number): Batch[] =>
  cutBefore(batch, [records]);

/** Two halves of a batch of at least two records. */
export const inHalves = <Batch extends UnjudgedBatch>(batch: Batch): Batch[] =>
  cutAfter(batch, Math.ceil(batch.records.length / 2));
