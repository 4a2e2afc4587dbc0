import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { describeWithKafka, makeTopic } from '@wayline/testkit';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { keysByPartition, newGroup, numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import type { LogLogger } from '../src/event-log.ts';
import { createKafkaLog } from '../src/kafka/index.ts';
import { partitionOf } from '../src/murmur2.ts';
import { proxiedKafka } from './proxied-kafka.ts';

const MARK = 'this is damaged';

/** Damage as a disk or a network does it: the broker checks records when they come, and nobody but the reader later. */
await describeWithKafka(
  'records that are damaged',
  () => {
    const { closers, brokers, proxy } = proxiedKafka();

    /** From now on, until the proxy has another watcher. */
    function damage(): void {
      proxy().watch({
        onAnswer(chunk) {
          const at = chunk.indexOf(MARK);
          if (at >= 0) chunk[at] = 'T'.charCodeAt(0);
        },
      });
    }

    // The first test: once a log was opened, kafkajs decodes by our rules in the whole process.
    test('are handed over by kafkajs alone, changed, and nobody is told', async () => {
      const topic = `unreadable.${randomUUID()}`;
      const client = new Kafka({ brokers: brokers(), logLevel: logLevel.NOTHING });
      const [producer, consumer] = [
        client.producer({ createPartitioner: Partitioners.DefaultPartitioner }),
        client.consumer({ groupId: newGroup() }),
      ];
      const admin = client.admin();
      for (const part of [admin, producer, consumer]) {
        await part.connect();
        closers.push(() => part.disconnect());
      }
      await makeTopic(admin, { topic, numPartitions: 1 });
      await producer.send({ topic, messages: [{ value: MARK }] });
      damage();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      const value = await new Promise<string>((resolve, reject) => {
        const eachMessage = async ({ message }: { message: { value: Buffer | null } }) =>
          resolve(String(message.value));
        consumer.run({ eachMessage }).catch(reject);
      });
      expect(value).toBe('This is damaged');
    }, 60_000);

    test('hold their partition up, loudly, and it alone; nothing is passed over, and it goes on once they can be read', async () => {
      const topic = `unreadable.${randomUUID()}`;
      const told: string[] = [];
      const logger: LogLogger = { info() {}, warn() {}, error: (_, message) => void told.push(message) };
      const topics = [{ name: topic, partitions: 2 }];
      const log = await createKafkaLog({ brokers: brokers(), topics, logger });
      closers.push(() => log.close());
      const [key, other] = keysByPartition(2, partitionOf) as [string, string];
      await log.append(topic, numbered(10, { key }));
      await log.append(topic, [{ key, value: Buffer.from(MARK) }]);
      await log.append(topic, numbered(10, { key, from: 10 }));
      await log.append(topic, numbered(10, { key: other }));

      damage();
      const reader = await startReader(log, { topic });
      await reader.until('the loud word, twice', () => told.length === 2);
      await log.append(topic, numbered(10, { key: other, from: 10 }));
      await reader.until('the other partition', () => reader.values(1).length === 20);
      expect([reader.values(0), reader.values(1)]).toEqual([numbers(10), numbers(20)]);
      expect(told[0]).toBe(
        `Partition 0 of ${topic} stands still before offset 10: the record batch at offset 10 cannot be read: the checksum does not match`,
      );
      await expect(log.peek({ topic, partition: 0, offset: 10 })).rejects.toThrow(/the checksum does not match/);
      expect(reader.consumer.assigned().length).toBe(2);

      proxy().watch({});
      await reader.until('all', () => reader.values(0).length === 21);
      expect(reader.values(0)).toEqual([...numbers(10), MARK, ...numbers(10, { from: 10 })]);
      expect(reader.begins.length).toBe(2);
    }, 60_000);
  },
  { own: true },
);
