import type { PartitionBatch } from './append-batch.ts';
import { BATCH_HEADER_BYTES, writeBatchHeader } from './encode-record-batch.ts';

const ALL_IN_SYNC_REPLICAS = -1;
/** No transaction, acks, time-out, number of topics. */
const HEAD_BYTES = 2 + 2 + 4 + 4;
/** Partition, and bytes of its batch. */
const PARTITION_BYTES = 4 + 4;

/**
 * The body of a produce request, versions 3 to 7 (they differ in their answers only), in the order of its parts: one batch for
 * each partition, to be acknowledged by all in-sync replicas. The records are where they were written, and are not copied.
 * @param options.timeoutMs how long the broker may wait for its replicas
 * @param options.before so many bytes are left free before it, in the first part. Default 0
 */
export function encodeProduce(
  batches: readonly PartitionBatch[],
  { timeoutMs, timeMs, before = 0 }: { timeoutMs: number; timeMs: number; before?: number },
): Uint8Array[] {
  const topics = new Map<string, PartitionBatch[]>();
  let bytes = before + HEAD_BYTES + batches.length * (PARTITION_BYTES + BATCH_HEADER_BYTES);
  for (const batch of batches) {
    const ofTopic = topics.get(batch.topic);
    if (ofTopic) {
      ofTopic.push(batch);
    } else {
      topics.set(batch.topic, [batch]);
      bytes += 2 + Buffer.byteLength(batch.topic) + 4;
    }
  }
  /** All but the records. */
  const frame = Buffer.allocUnsafe(bytes);
  const parts: Uint8Array[] = [];
  let done = 0;
  let at = frame.writeInt16BE(-1, before);
  at = frame.writeInt16BE(ALL_IN_SYNC_REPLICAS, at);
  at = frame.writeInt32BE(timeoutMs, at);
  at = frame.writeInt32BE(topics.size, at);
  for (const [topic, ofTopic] of topics) {
    at = frame.writeInt16BE(Buffer.byteLength(topic), at);
    at += frame.write(topic, at);
    at = frame.writeInt32BE(ofTopic.length, at);
    for (const { partition, batch } of ofTopic) {
      const { records } = batch;
      const ofRecords = records.parts();
      at = frame.writeInt32BE(partition, at);
      at = frame.writeInt32BE(BATCH_HEADER_BYTES + records.bytes, at);
      at = writeBatchHeader(frame, at, { records, parts: ofRecords, timeMs });
      parts.push(frame.subarray(done, at), ...ofRecords);
      done = at;
    }
  }
  if (done < at) parts.push(frame.subarray(done, at)); // of no batches
  return parts;
}
