import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { describeWithKafka, produceWithJava, startKafka } from '@wayline/testkit';
import { startReader } from '../src/contract-suite/index.ts';
import { createKafkaLog } from '../src/kafka/index.ts';

await describeWithKafka(
  'records of a service in Java',
  () => {
    test('T4: by Kafka’s own producer, in each codec, they are read as they were written', async () => {
      const kafka = await startKafka();
      const topic = `java.${randomUUID()}`;
      const log = await createKafkaLog({ brokers: kafka.brokers, topics: [{ name: topic, partitions: 1 }] });
      try {
        const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];
        await produceWithJava(kafka.brokers, { topic, count: 2000, codecs });
        const reader = await startReader(log, { topic });
        await reader.until('all', () => reader.values().length === 10_000);
        const wanted = codecs.flatMap((codec) =>
          Array.from({ length: 2000 }, (_, i) => `${codec}-${i}-${'long and dull '.repeat(i % 50)}`),
        );
        expect(reader.values()).toEqual(wanted);
        const headers = reader.batches.flatMap(({ records }) => records.map((record) => String(record.headers.codec)));
        expect(headers).toEqual(wanted.map((value) => value.slice(0, value.indexOf('-'))));
        expect(String((await log.peek({ topic, partition: 0, offset: 9999 }))?.value)).toBe(wanted[9999]);
      } finally {
        await log.close();
        await kafka.close();
      }
    }, 120_000);
  },
  { asProcess: true },
);
