import type { Reader } from '../read-only.ts';

/** A part of one partition of the log: from an offset (inclusive) to another (exclusive). */
export interface LogStretch {
  topic: string;
  partition: number;
  from: number;
  to: number;
}

/** What one transaction stored of one partition. */
export interface TailBatch {
  /** Grows within a partition. */
  id: number;
  topic: string;
  partition: number;
  firstOffset: number;
  nextOffset: number;
  /** That are still there. */
  events: number;
  /** Between which `occurred_at` they lie, epoch ms; null where it is not known. */
  occurredFrom: number | null;
  occurredTo: number | null;
}

/** Batches with events that end within stretches of the log; of each stretch at most so many, the last ones. */
export async function tailBatches(
  reader: Reader,
  { logId, stretches, limit }: { logId: string; stretches: readonly LogStretch[]; limit: number },
): Promise<TailBatch[]> {
  const { rows } = await reader.query<TailBatch>(
    `SELECT b.id, b.topic, b.partition, b.first_offset AS "firstOffset", b.next_offset AS "nextOffset",
       b.stored - b.removed AS events, b.occurred_from AS "occurredFrom", b.occurred_to AS "occurredTo"
     FROM unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[]) AS stretch (topic, partition, low, high)
     CROSS JOIN LATERAL (
       SELECT * FROM batches
       WHERE log_id = $1 AND topic = stretch.topic AND partition = stretch.partition
         AND next_offset > stretch.low AND next_offset <= stretch.high AND stored > removed
       ORDER BY next_offset DESC LIMIT $6
     ) b`,
    [
      logId,
      stretches.map(({ topic }) => topic),
      stretches.map(({ partition }) => partition),
      stretches.map(({ from }) => from),
      stretches.map(({ to }) => to),
      limit,
    ],
  );
  return rows;
}
