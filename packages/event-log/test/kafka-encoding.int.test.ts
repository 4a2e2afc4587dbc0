import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { describeWithKafka, runKafkaTool, sharedKafka, startKafka } from '@wayline/testkit';
import { Kafka, logLevel } from 'kafkajs';
import { BrokerLink } from '../src/kafka/broker-link.ts';
import { ChunkPool } from '../src/kafka/chunk-pool.ts';
import { encodeProduce } from '../src/kafka/encode-produce.ts';
import { BATCH_HEADER_BYTES, encodeHeaders, writeBatchHeader } from '../src/kafka/encode-record-batch.ts';
import { createKafkaLog } from '../src/kafka/index.ts';
import { silentLogger } from '../src/kafka/options.ts';
import { RecordBytes } from '../src/kafka/record-bytes.ts';

await describeWithKafka(
  'what is appended, as Kafka’s own tools read it',
  () => {
    test('DumpLogSegments finds a valid batch, and every record of it', async () => {
      const messages = Array.from({ length: 300 }, (_, i) => ({
        key: Buffer.from(`key-${i}`),
        value: Buffer.from(`value-${i}-${'x'.repeat(i * 3)}`),
        headers: i % 3 === 0 ? undefined : { 'wayline-request-id': `r-${i}`, traceparent: 'ü' },
      }));
      const written = new RecordBytes(new ChunkPool());
      for (const message of messages) written.add({ ...message, headers: encodeHeaders(message.headers) });
      const parts = written.parts();
      const head = Buffer.alloc(BATCH_HEADER_BYTES);
      writeBatchHeader(head, 0, { records: written, parts, timeMs: 1_767_225_600_123 });
      const batch = Buffer.concat([head, ...parts]);
      const folder = await mkdtemp(join(tmpdir(), 'wayline-segment-'));
      try {
        const file = join(folder, '00000000000000000000.log');
        await writeFile(file, batch);
        const dumped = await runKafkaTool('kafka.tools.DumpLogSegments', [
          ...['--files', file],
          ...['--deep-iteration', '--print-data-log'],
        ]);
        const [head, ...records] = dumped.split('\n').filter((line) => /^(baseOffset|\| offset)/.test(line));
        expect(head).toMatch(/baseOffset: 0 lastOffset: 299 count: 300 .*producerId: -1 .*isTransactional: false/);
        expect(head).toMatch(/CreateTime: 1767225600123 .*magic: 2 compresscodec: none .*isvalid: true/);
        expect(records).toHaveLength(300);
        for (const [i, { key, value, headers }] of messages.entries()) {
          expect(records[i]).toContain(`offset: ${i} CreateTime: 1767225600123 keySize: ${key.length}`);
          expect(records[i]).toContain(`valueSize: ${value.length} `);
          expect(records[i]).toContain(headers ? 'headerKeys: [wayline-request-id,traceparent]' : 'headerKeys: []');
          expect(records[i]).toMatch(new RegExp(`key: ${key} payload: ${value}$`));
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    }, 60_000);

    // Without sign-in kafkajs calls no connection authenticated; every request then went its own way, and was copied twice.
    test('a produce request goes to the socket as it was written, without a copy by kafkajs', async () => {
      const { brokers } = await sharedKafka();
      const topic = `whole.${randomUUID()}`;
      await (await createKafkaLog({ brokers, topics: [{ name: topic, partitions: 1 }] })).close();
      const [host, port] = (brokers[0] as string).split(':') as [string, string];
      const clientId = 'wayline';
      const link = new BrokerLink({
        host,
        port: Number(port),
        settings: { brokers, clientId, ssl: false, sasl: undefined, logger: silentLogger },
        requestTimeoutMs: 10_000,
        kafkajsLogger: new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).logger(),
      });
      try {
        let headBytes = 0;
        const records = new RecordBytes(new ChunkPool());
        records.add({ key: Buffer.from('k'), value: Buffer.from('v'), headers: encodeHeaders(undefined) });
        const batch = { records };
        const answer = await link.produce<{ topics: { partitions: { errorCode: number }[] }[] }>((before) => {
          headBytes = before;
          return encodeProduce([{ topic, partition: 0, batch }], { timeoutMs: 5_000, timeMs: Date.now(), before });
        });
        expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(0);
        expect(headBytes).toBe(14 + clientId.length); // of kafkajs' own way, which writes the head itself: 0
      } finally {
        link.close();
      }
    }, 60_000);

    test('the console consumer prints keys, values and headers as they were given', async () => {
      const kafka = await startKafka();
      const topic = `console.${randomUUID()}`;
      const log = await createKafkaLog({ brokers: kafka.brokers, topics: [{ name: topic, partitions: 1 }] });
      try {
        const records = Array.from({ length: 1000 }, (_, i) => ({
          key: `schlüssel-${i % 10}`,
          value: Buffer.from(`wert-${i}-値`),
          headers: { 'wayline-request-id': `r-${i >> 4}` },
        }));
        await Promise.all(
          [0, 250, 500, 750].map((from) => log.append(topic, records.slice(from, from + 250))), // some share a batch
        );
        const printed = await runKafkaTool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
          ...['--bootstrap-server', kafka.brokers.join(','), '--topic', topic],
          ...['--from-beginning', '--max-messages', '1000', '--timeout-ms', '30000'],
          ...['--property', 'print.key=true', '--property', 'print.headers=true'],
        ]);
        const wanted = records.map(
          ({ key, value, headers }) => `wayline-request-id:${headers['wayline-request-id']}\t${key}\t${value}`,
        );
        expect(printed.trim().split('\n')).toEqual(wanted);
      } finally {
        await log.close();
        await kafka.close();
      }
    }, 120_000);
  },
  { asProcess: true },
);
