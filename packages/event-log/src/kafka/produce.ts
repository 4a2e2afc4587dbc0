import { type AppendBatch, messagesOf, type ProduceMessage } from './append-batch.ts';
import type { BrokerLink } from './broker-link.ts';

export interface PartitionBatch {
  topic: string;
  partition: number;
  batch: AppendBatch;
}

const ALL_IN_SYNC_REPLICAS = -1;

/**
 * Sends one batch for each partition in one request, once, and answers with the error code of each in their order; 0 is
 * success, undefined where the answer does not name the partition. Rejects if there is no answer. Not idempotent: after a
 * lost answer kafkajs' idempotent producer gives a number twice, and the broker then drops what it acknowledges.
 */
export async function produce(
  link: BrokerLink,
  batches: readonly PartitionBatch[],
  timeoutMs: number,
): Promise<(number | undefined)[]> {
  const topicData: { topic: string; partitions: { partition: number; messages: ProduceMessage[] }[] }[] = [];
  for (const { topic, partition, batch } of batches) {
    let data = topicData.find((entry) => entry.topic === topic);
    if (!data) {
      data = { topic, partitions: [] };
      topicData.push(data);
    }
    data.partitions.push({ partition, messages: messagesOf(batch) });
  }
  const answer = await link.request<{
    topics: { topicName: string; partitions: { partition: number; errorCode: number }[] }[];
  }>('Produce', { acks: ALL_IN_SYNC_REPLICAS, timeout: timeoutMs, topicData });
  return batches.map(({ topic, partition }) => {
    const named = answer.topics.find(({ topicName }) => topicName === topic)?.partitions;
    return named?.find((entry) => entry.partition === partition)?.errorCode;
  });
}
