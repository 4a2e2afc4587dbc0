import type { PartitionBatch } from './append-batch.ts';
import type { BrokerLink } from './broker-link.ts';
import { encodeProduce } from './encode-produce.ts';

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
  const answer = await link.produce<{
    topics: { topicName: string; partitions: { partition: number; errorCode: number }[] }[];
  }>((before) => encodeProduce(batches, { timeoutMs, timeMs: Date.now(), before }));
  return batches.map(({ topic, partition }) => {
    const named = answer.topics.find(({ topicName }) => topicName === topic)?.partitions;
    return named?.find((entry) => entry.partition === partition)?.errorCode;
  });
}
