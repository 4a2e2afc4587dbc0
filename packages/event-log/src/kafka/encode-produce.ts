import { messagesOf, type PartitionBatch, type ProduceMessage } from './append-batch.ts';
import { recordBatchBytes, writeRecordBatch } from './encode-record-batch.ts';

const ALL_IN_SYNC_REPLICAS = -1;
/** No transaction, acks, time-out, number of topics. */
const HEAD_BYTES = 2 + 2 + 4 + 4;
/** Partition, and bytes of its batch. */
const PARTITION_BYTES = 4 + 4;

/**
 * The body of a produce request, versions 3 to 7 (they differ in their answers only): one batch for each partition, to
 * be acknowledged by all in-sync replicas. Everything is written once, into one buffer of the right size.
 * @param options.timeoutMs how long the broker may wait for its replicas
 * @param options.before so many bytes are left free before it. Default 0
 */
export function encodeProduce(
  batches: readonly PartitionBatch[],
  { timeoutMs, timeMs, before = 0 }: { timeoutMs: number; timeMs: number; before?: number },
): Buffer {
  const topics = new Map<string, { partition: number; messages: readonly ProduceMessage[]; bytes: number }[]>();
  let bytes = before + HEAD_BYTES;
  for (const { topic, partition, batch } of batches) {
    let ofTopic = topics.get(topic);
    if (!ofTopic) {
      ofTopic = [];
      topics.set(topic, ofTopic);
      bytes += 2 + Buffer.byteLength(topic) + 4;
    }
    const messages = messagesOf(batch);
    const ofBatch = recordBatchBytes(messages);
    ofTopic.push({ partition, messages, bytes: ofBatch });
    bytes += PARTITION_BYTES + ofBatch;
  }
  const body = Buffer.allocUnsafe(bytes);
  let at = body.writeInt16BE(-1, before);
  at = body.writeInt16BE(ALL_IN_SYNC_REPLICAS, at);
  at = body.writeInt32BE(timeoutMs, at);
  at = body.writeInt32BE(topics.size, at);
  for (const [topic, partitions] of topics) {
    at = body.writeInt16BE(Buffer.byteLength(topic), at);
    at += body.write(topic, at);
    at = body.writeInt32BE(partitions.length, at);
    for (const { partition, messages, bytes: ofBatch } of partitions) {
      at = body.writeInt32BE(partition, at);
      at = body.writeInt32BE(ofBatch, at);
      at = writeRecordBatch(body, at, { messages, timeMs });
    }
  }
  return body;
}
