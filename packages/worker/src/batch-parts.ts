import type { JudgedRecord, PartitionBatch } from '@wayline/store';

const HOUR_MS = 3_600_000;

/** A batch cut before the records at these indexes (ascending, none of them 0). */
function cutBefore(batch: PartitionBatch, indexes: readonly number[]): PartitionBatch[] {
  const { records } = batch;
  const bounds = [0, ...indexes, records.length];
  return bounds.slice(0, -1).map((from, i) => {
    const to = bounds[i + 1] as number;
    return {
      ...batch,
      firstOffset: from === 0 ? batch.firstOffset : (records[from] as JudgedRecord).offset,
      nextOffset: to === records.length ? batch.nextOffset : (records[to] as JudgedRecord).offset,
      records: records.slice(from, to),
    };
  });
}

/** Parts that lie in one hour of the log each: so every row of `batches`, and every event by it, belongs to one hour of the ledger. */
export function cutByHour(batch: PartitionBatch): PartitionBatch[] {
  const hourOf = (record: JudgedRecord | undefined): number => Math.floor((record?.timeMs ?? 0) / HOUR_MS);
  const { records } = batch;
  const edges: number[] = [];
  for (let i = 1; i < records.length; i++) if (hourOf(records[i]) !== hourOf(records[i - 1])) edges.push(i);
  return edges.length === 0 ? [batch] : cutBefore(batch, edges);
}

/** Two halves of a batch of at least two records. */
export function inHalves(batch: PartitionBatch): PartitionBatch[] {
  return cutBefore(batch, [Math.ceil(batch.records.length / 2)]);
}
