import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { describeWithKafka, sharedKafka } from '@wayline/testkit';
import { startReader } from '../src/contract-suite/index.ts';
import { createKafkaLog } from '../src/kafka/index.ts';
import { partitionOf } from '../src/murmur2.ts';

const PARTITIONS = 6;
const ROUNDS = 6;
/** So large that an answer holds those of one partition alone. */
const VALUE = Buffer.alloc(800_000, 'x');
const RECORDS_AN_ANSWER = 5;

await describeWithKafka('partitions with more to read than an answer holds', () => {
  test('take turns, so that none waits for longer than a round', async () => {
    const { brokers } = await sharedKafka();
    const topic = `turns.${randomUUID()}`;
    const log = await createKafkaLog({ brokers, topics: [{ name: topic, partitions: PARTITIONS }] });
    try {
      const keys = new Map<number, string>();
      for (let i = 0; keys.size < PARTITIONS; i++) keys.set(partitionOf(Buffer.from(`k${i}`), PARTITIONS), `k${i}`);
      for (const key of keys.values()) {
        for (let n = 0; n < ROUNDS * RECORDS_AN_ANSWER; n++)
          await log.append(topic, [{ key, value: VALUE, headers: {} }]);
      }
      const seen = new Map([...keys.keys()].map((partition) => [partition, 0]));
      const spreads: number[] = [];
      const reader = await startReader(log, {
        topic,
        async handle({ partition, records, nextOffset }) {
          seen.set(partition, (seen.get(partition) ?? 0) + records.length);
          const counts = [...seen.values()];
          spreads.push(Math.max(...counts) - Math.min(...counts));
          return nextOffset;
        },
      });
      await reader.until('all', () => [...seen.values()].every((count) => count === ROUNDS * RECORDS_AN_ANSWER));
      // One answer ahead, and one more that was asked for while a handler was at work.
      expect(Math.max(...spreads)).toBeLessThanOrEqual(2 * RECORDS_AN_ANSWER);
      await reader.consumer.close();
    } finally {
      await log.close();
    }
  }, 120_000);
});
