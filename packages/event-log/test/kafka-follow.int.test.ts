import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithKafka, type KafkaCluster, makeTopic, startKafka } from '@wayline/testkit';
import { type Admin, Kafka, logLevel, Partitioners } from 'kafkajs';
import { numbered, numbers } from '../src/contract-suite/index.ts';
import type { EventLog, LogFollower, TopicSpec } from '../src/event-log.ts';
import { createKafkaLog } from '../src/kafka/index.ts';

/** Following a topic while brokers die, and while others trim, compact and make it again. */
await describeWithKafka('a follower on Kafka', () => {
  let cluster: KafkaCluster;
  let kafka: Kafka;
  let admin: Admin;
  let topic: string;
  const closers: (() => Promise<unknown>)[] = [];
  const told: string[] = [];
  const tell = (_: object, message: string) => void told.push(message);
  const logger = { info: tell, warn: tell, error: tell };

  beforeAll(async () => {
    cluster = await startKafka({
      proxied: true,
      config: { 'log.cleaner.backoff.ms': '100', 'log.initial.task.delay.ms': '0' },
    });
    kafka = new Kafka({ brokers: [...cluster.brokers], logLevel: logLevel.NOTHING });
    admin = kafka.admin();
    await admin.connect();
  }, 120_000);
  afterAll(async () => {
    await admin.disconnect();
    await cluster.close();
  }, 60_000);
  afterEach(async () => {
    for (const proxy of cluster.proxies) proxy.resume();
    for (const close of closers.splice(0).reverse()) await close();
    told.length = 0;
  }, 60_000);

  async function openLog(spec: Partial<TopicSpec> = {}): Promise<EventLog> {
    topic = `follow.${randomUUID()}`;
    const log = await createKafkaLog({
      brokers: cluster.brokers,
      topics: [{ name: topic, partitions: 1, ...spec }],
      logger,
    });
    closers.push(() => log.close());
    return log;
  }

  function follow(log: EventLog): { follower: LogFollower; values: string[] } {
    const values: string[] = [];
    const follower = log.follow({ topic, onRecord: ({ value }) => values.push(String(value)) });
    return { follower, values };
  }

  async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    for (const deadline = Date.now() + 30_000; !(await condition()); await sleep(20)) {
      if (Date.now() > deadline) throw new Error(`Not seen in 30 s: ${what}`);
    }
  }

  test('goes on where it was when the brokers are back, and tells once that they were away', async () => {
    const log = await openLog({ partitions: 3 });
    const { follower, values } = follow(log);
    await log.append(topic, numbered(5));
    await until('the first', () => values.length === 5);
    for (let times = 0; times < 2; times++) {
      for (const proxy of cluster.proxies) proxy.cutAll();
      const heard = follower.heardAtMs();
      await until('the warning', () => told.filter((message) => message.includes('cannot be read')).length > times);
      await sleep(1000); // several attempts
      expect(follower.heardAtMs()).toBe(heard);
      expect(told.filter((message) => message.includes('cannot be read'))).toHaveLength(times + 1);
      for (const proxy of cluster.proxies) proxy.resume();
      await until('the append', () =>
        log.append(topic, numbered(1, { from: 5 + times })).then(
          () => true,
          () => false,
        ),
      );
      await until('what came after', () => values.at(-1) === String(5 + times));
    }
    expect([...new Set(values)]).toEqual(numbers(7)); // an append that was tried again may stand twice
  }, 90_000);

  test('that is started while the brokers are away catches up when they are back', async () => {
    const log = await openLog();
    await log.append(topic, numbered(5));
    for (const proxy of cluster.proxies) proxy.cutAll();
    const { follower, values } = follow(log);
    await until('the warning', () => told.some((message) => message.includes('cannot be read')));
    for (const proxy of cluster.proxies) proxy.resume();
    await follower.caughtUp;
    expect(values).toEqual(numbers(5));
  }, 60_000);

  test('begins again at the start where the topic was cut, or made again', async () => {
    const log = await openLog();
    await log.append(topic, numbered(100));
    const { follower, values } = follow(log);
    await follower.caughtUp;
    await admin.deleteTopics({ topics: [topic] });
    const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
    await makeTopic(admin, { topic, numPartitions: 1, configEntries });
    const again = await createKafkaLog({ brokers: cluster.brokers, topics: [{ name: topic, partitions: 1 }] });
    closers.push(() => again.close());
    await again.append(topic, numbered(3, { prefix: 'new ' }));
    await until('the new ones', () => values.at(-1) === 'new 2');
    expect(values.slice(100)).toEqual(numbers(3, { prefix: 'new ' }));
    expect(told).toContainEqual(expect.stringContaining('read from its start again'));
  }, 60_000);

  test('hands over neither what a transaction took back nor its marks, and passes them', async () => {
    const log = await openLog();
    const producer = kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      transactionalId: randomUUID(),
      idempotent: true,
      maxInFlightRequests: 1,
    });
    await producer.connect();
    closers.push(() => producer.disconnect());
    for (const end of ['abort', 'commit'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ key: 'key', value: end }] });
      await transaction[end]();
    }
    await log.append(topic, numbered(1, { prefix: 'after ' }));
    const { follower, values } = follow(log);
    await follower.caughtUp;
    expect(values).toEqual(['commit', 'after 0']);
  });

  test('reads past the gaps that compaction leaves', async () => {
    const log = await openLog({ compacted: true });
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: 2,
          name: topic,
          configEntries: [
            { name: 'cleanup.policy', value: 'compact' },
            { name: 'message.timestamp.type', value: 'LogAppendTime' },
            { name: 'segment.ms', value: '100' },
            { name: 'min.cleanable.dirty.ratio', value: '0.001' },
          ],
        },
      ],
    });
    for (let i = 0; i < 50; i++) await log.append(topic, [{ key: `key-${i % 5}`, value: Buffer.from(String(i)) }]);
    await until('compaction', async () => {
      await log.append(topic, [{ key: 'beat', value: Buffer.from('beat') }]);
      await sleep(150); // a new segment
      return ((await log.peek({ topic, partition: 0, offset: 0 }))?.offset ?? 0) > 0;
    });
    const { follower, values } = follow(log);
    await follower.caughtUp;
    expect(values.length).toBeLessThan(50);
    expect(values.filter((value) => value !== 'beat')).toEqual(expect.arrayContaining(['45', '46', '47', '48', '49']));
    expect(values.at(-1)).toBe('beat');
  }, 60_000);

  test('keeps nobody waiting: what is asked meanwhile is answered at once', async () => {
    const log = await openLog({ partitions: 3 });
    const followers = [follow(log), follow(log)];
    for (const { follower } of followers) await follower.caughtUp;
    await log.append(topic, numbered(3));
    const startedAt = performance.now();
    for (let i = 0; i < 20; i++) {
      await log.ranges(topic);
      await log.peek({ topic, partition: 0, offset: 0 });
    }
    expect(performance.now() - startedAt).toBeLessThan(2000); // each of the fetches waits for half a second
  });
});
