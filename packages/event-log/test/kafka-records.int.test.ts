import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithKafka, makeTopic, sharedKafka } from '@wayline/testkit';
import { type Admin, CompressionTypes, Kafka, logLevel, Partitioners } from 'kafkajs';
import { newGroup, numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import type { EventLog, LogBatch } from '../src/event-log.ts';
import { createKafkaLog } from '../src/kafka/index.ts';

/** What others do to the topics: services that write them, operators that trim them or make them again. */
await describeWithKafka('records on Kafka', () => {
  let brokers: string[];
  let topic: string;
  let log: EventLog;
  let kafka: Kafka;
  let admin: Admin;
  const closers: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    ({ brokers } = await sharedKafka());
    kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING });
  }, 120_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function openLog(partitions = 1): Promise<void> {
    topic = `records.${randomUUID()}`;
    log = await createKafkaLog({ brokers, topics: [{ name: topic, partitions }] });
    closers.push(() => log.close());
    admin = kafka.admin();
    await admin.connect();
    closers.push(() => admin.disconnect());
  }

  async function trim(offset: number): Promise<void> {
    await admin.fetchTopicOffsets(topic); // kafkajs forgets to look the leaders up
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  }

  async function connectProducer(transactionalId?: string) {
    const createPartitioner = Partitioners.DefaultPartitioner;
    const idempotent = transactionalId !== undefined;
    const producer = kafka.producer({ createPartitioner, transactionalId, idempotent, maxInFlightRequests: 1 });
    await producer.connect();
    closers.push(() => producer.disconnect());
    return producer;
  }

  test('a record larger than the topic takes is refused alone, and for good', async () => {
    await openLog();
    const small = numbered(50);
    const results = await Promise.allSettled([
      log.append(topic, small.slice(0, 20)),
      log.append(topic, [{ key: 'key', value: Buffer.alloc(2_000_000) }]),
      log.append(topic, small.slice(20)),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: { name: 'RecordTooLargeError' } });
    const reader = await startReader(log, { topic });
    await reader.until('the small ones', () => reader.values().length === 50);
    expect(reader.values()).toEqual(numbers(50));
  });

  test('a session’s records over the limit go in several batches, and small requests beside them are not harmed', async () => {
    await openLog();
    // What 2500 ordinary events of one session are, in one request.
    const big = Array.from({ length: 2500 }, (_, i) => ({ key: 'big', value: Buffer.from(`${i}-`.padEnd(900, '.')) }));
    const small = Array.from({ length: 50 }, (_, i) => ({ key: `small-${i}`, value: Buffer.from(String(i)) }));
    await Promise.all([log.append(topic, big), ...small.map((record) => log.append(topic, [record]))]);
    const reader = await startReader(log, { topic });
    await reader.until('all', () => reader.count() === 2550);
    const records = reader.batches.flatMap((batch) => batch.records);
    const valuesOf = (key: RegExp) =>
      records.filter((r) => key.test(String(r.key))).map((r) => parseInt(String(r.value), 10));
    expect(valuesOf(/^big/)).toEqual(big.map((_, i) => i));
    expect(valuesOf(/^small/).sort((a, b) => a - b)).toEqual(small.map((_, i) => i));

    // kafkajs makes one batch of what it is given for a partition: all of it is refused, the small ones with it.
    const producer = await connectProducer();
    const messages = [...big, ...small];
    await expect(producer.send({ topic, messages })).rejects.toThrow(/larger than the max message size/);
    expect((await log.ranges(topic))[0]?.end).toBe(2550);
  });

  test('where the topic’s limit was lowered meanwhile, records are sent in smaller batches', async () => {
    await openLog();
    const value = '100000';
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries: [{ name: 'max.message.bytes', value }] }],
    });
    const records = Array.from({ length: 100 }, (_, i) => ({ key: 'key', value: Buffer.alloc(9_000, i) }));
    await log.append(topic, records);
    const reader = await startReader(log, { topic });
    await reader.until('all', () => reader.values().length === 100);
    const got = reader.batches.flatMap((batch) => batch.records.map((record) => record.value?.[0]));
    expect(got).toEqual(records.map((_, i) => i));
  });

  test('T4: what a service wrote compressed, without a key, or with a header twice, is read', async () => {
    await openLog();
    const producer = await connectProducer();
    const headers = { twice: ['first', 'last'], once: 'ü' };
    await producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: [
        { key: null, value: 'no key' },
        { key: 'tombstone', value: null },
        { key: 'key', value: 'with headers', headers },
      ],
    });
    const reader = await startReader(log, { topic });
    await reader.until('all', () => reader.values().length === 3);
    const [first, second, third] = reader.batches.flatMap((batch) => batch.records);
    expect([first?.key, String(first?.value)]).toEqual([null, 'no key']);
    expect(second?.value).toBeNull();
    expect({ ...third?.headers }).toEqual({ twice: Buffer.from('last'), once: Buffer.from('ü') });
    expect((await log.peek({ topic, partition: 0, offset: 1 }))?.value).toBeNull();
  });

  // The broker itself, with Java's codecs, compresses what is appended to such a topic.
  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('T4: records compressed by %s are read', async (codec) => {
    await openLog();
    const configEntries = [{ name: 'compression.type', value: codec }];
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: topic, configEntries }] });
    const values = ['short', 'long and dull '.repeat(20_000), randomBytes(150_000).toString('base64')];
    await log.append(
      topic,
      values.map((value) => ({ key: 'key', value: Buffer.from(value), headers: { codec } })),
    );
    await log.append(topic, numbered(1));
    const reader = await startReader(log, { topic });
    await reader.until('all', () => reader.values().length === 4);
    expect(reader.values()).toEqual([...values, '0']);
    expect((await log.peek({ topic, partition: 0, offset: 1 }))?.headers.codec?.toString()).toBe(codec);
  });

  test('aborted transactions are not handed over, and neither they nor markers hold the reading up', async () => {
    await openLog();
    const producer = await connectProducer(`transactions-${randomUUID()}`);
    const send = async (prefix: string, count: number, commit: boolean) => {
      const transaction = await producer.transaction();
      for (let i = 0; i < count; i++) {
        const value = Buffer.alloc(200_000, 'x');
        value.write(`${prefix}${i}`);
        await transaction.send({ topic, messages: [{ key: 'key', value }] });
      }
      await (commit ? transaction.commit() : transaction.abort());
    };
    const read: string[] = [];
    const from: number[] = [];
    const to = [0];
    const handle = async (batch: LogBatch) => {
      from.push(batch.firstOffset);
      to.push(batch.nextOffset);
      read.push(...batch.records.map(({ value }) => String(value?.subarray(0, 2))));
      return batch.nextOffset;
    };
    const reader = await startReader(log, { topic, handle, maxBytes: 100_000 });
    await send('a', 2, true);
    await reader.until('the first transaction', () => read.length === 2);
    await send('b', 12, false); // far more than one fetch brings
    await send('c', 2, true);
    await reader.until('the third transaction', () => read.length === 4);
    expect(read).toEqual(['a0', 'a1', 'c0', 'c1']);
    expect(reader.begins.length).toBe(1);
    expect(from).toEqual(to.slice(0, -1)); // without a gap, or a reader that compares positions would never get on
    expect((await log.peek({ topic, partition: 0, offset: 2 }))?.value?.subarray(0, 2).toString()).toBe('c0');
  });

  test('records trimmed before they were read: begin is asked again, with the range as it is', async () => {
    await openLog();
    for (let call = 0; call < 10; call++) await log.append(topic, numbered(10, { from: call * 10 }));
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    closers.push(async () => open());
    const reader = await startReader(log, {
      topic,
      maxRecords: 10,
      begin: async ({ start }) => ({ offset: start }),
      // The batch in hand is the first; that the next one is not fetched yet is seen to by an answer that goes elsewhere.
      async handle({ firstOffset, nextOffset }) {
        if (firstOffset === 0) await opened;
        return firstOffset === 0 ? 10 + 1 : nextOffset;
      },
    });
    await reader.until('the first batch', () => reader.batches.length === 1);
    await trim(50);
    open();
    await reader.until('the rest', () => reader.values().at(-1) === '99');
    expect(reader.begins.map(({ range }) => range.start)).toEqual([0, 50]);
    expect(reader.values()).toEqual([...numbers(10), ...numbers(50, { from: 50 })]);
  });

  test('everything trimmed while kafkajs is about to fetch it: begin is asked, though nothing arrives', async () => {
    await openLog();
    await log.append(topic, numbered(100));
    const begun: number[] = [];
    // The range told to begin is out of date when it answers: kafkajs is told an offset that is no more.
    const reader = await startReader(log, {
      topic,
      async begin({ start }) {
        begun.push(start);
        if (begun.length === 1) await trim(100);
        return { offset: start };
      },
    });
    await reader.until('begin again', () => begun.length === 2);
    await log.append(topic, numbered(5, { from: 100 }));
    await reader.until('what came after', () => reader.values().length === 5);
    expect(begun).toEqual([0, 100]);
    expect(reader.values()).toEqual(numbers(5, { from: 100 }));
  });

  test('a topic made again, shorter than the position: begin is asked, and nothing is read from elsewhere', async () => {
    await openLog();
    await log.append(topic, numbered(100));
    const begun: { start: number; end: number }[] = [];
    const reader = await startReader(log, {
      topic,
      async begin({ start, end }) {
        begun.push({ start, end });
        return begun.length === 1 ? { offset: end } : { stop: 'the log is shorter than what was read' };
      },
    });
    await reader.until('begin', () => begun.length === 1);
    await admin.deleteTopics({ topics: [topic] });
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
    await makeTopic(admin, { topic, numPartitions: 1, configEntries });
    const again = await createKafkaLog({ brokers, generation: 2, topics: [{ name: topic, partitions: 1 }] });
    closers.push(() => again.close());
    await again.append(topic, numbered(5));
    await reader.until('begin again', () => begun.length >= 2);
    expect(begun[1]?.end).toBeLessThan(100);
    expect(reader.values()).toEqual([]);
  });

  test('a topic made again while the log is open: what is acknowledged from then on is in the new one', async () => {
    await openLog();
    await log.append(topic, numbered(3));
    await admin.deleteTopics({ topics: [topic] });
    const waiting = log.append(topic, numbered(2, { from: 3 })); // while there is none
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
    await makeTopic(admin, { topic, numPartitions: 1, configEntries });
    await waiting;
    await log.append(topic, numbered(2, { from: 5 }));
    const again = await createKafkaLog({ brokers, generation: 2, topics: [{ name: topic, partitions: 1 }] });
    closers.push(() => again.close());
    const reader = await startReader(again, { topic });
    await reader.until('all', () => reader.values().length === 4);
    expect(reader.values()).toEqual(numbers(4, { from: 3 }));
  });

  test('published positions are seen by those who watch the group’s lag', async () => {
    await openLog(2);
    const group = newGroup();
    const committed = async () => {
      const [offsets] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      return offsets?.partitions.sort((a, b) => a.partition - b.partition).map(({ offset }) => offset);
    };
    const until = async (wanted: string[]) => {
      while (String(await committed()) !== String(wanted)) await new Promise((resolve) => setTimeout(resolve, 100));
    };
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await log.append(topic, numbered(10, { key }));
    const position = (partition: number, offset: number) => ({ topic, partition, offset });
    await log.publishPosition(group, [position(0, 3), position(1, 4)]); // by somebody who is not a member
    await until(['3', '4']);
    const reader = await startReader(log, { topic, group });
    await reader.until('both partitions', () => reader.begins.length === 2);
    await log.publishPosition(group, [position(0, 5)]);
    await log.publishPosition(group, [position(0, 6), position(1, 5)]);
    await until(['6', '5']);
    await log.publishPosition(group, [position(1, 7)]); // a last word before it leaves
    await reader.consumer.close();
    expect(await committed()).toEqual(['6', '7']);
  });
});
