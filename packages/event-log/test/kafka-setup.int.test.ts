import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithKafka, makeTopic, sharedKafka } from '@wayline/testkit';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import type { EventLog } from '../src/event-log.ts';
import { createKafkaLog, type KafkaLogOptions } from '../src/kafka/index.ts';
import { CHECKED_SETTINGS } from '../src/kafka/topic-settings.ts';

const LOG_APPEND_TIME = { name: 'message.timestamp.type', value: 'LogAppendTime' };

await describeWithKafka('opening the log on Kafka', () => {
  let brokers: string[];
  const closers: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    ({ brokers } = await sharedKafka());
  }, 120_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function connectAdmin(): Promise<Admin> {
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    closers.push(() => admin.disconnect());
    return admin;
  }

  async function open(options: Partial<KafkaLogOptions> & Pick<KafkaLogOptions, 'topics'>): Promise<EventLog> {
    const log = await createKafkaLog({ brokers, ...options });
    closers.push(() => log.close());
    return log;
  }

  const faultOf = (opening: Promise<EventLog>) =>
    opening.then(
      () => {
        throw new Error('it was opened');
      },
      (error: Error) => error,
    );

  function createLogger() {
    const warnings: string[] = [];
    return { warnings, info() {}, warn: (_: object, message: string) => void warnings.push(message), error() {} };
  }

  async function settingsOf(name: string): Promise<Record<string, string>> {
    const { resources } = await (await connectAdmin()).describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name, configNames: CHECKED_SETTINGS }],
    });
    return Object.fromEntries(
      (resources[0]?.configEntries ?? []).map((entry) => [entry.configName, entry.configValue]),
    );
  }

  const topic = () => `setup.${randomUUID()}`;

  test('topics that are absent are made, with LogAppendTime; a second process finds them', async () => {
    const name = topic();
    const topics = [
      { name, partitions: 12 },
      { name: `${name}.other`, partitions: 1 },
    ];
    const logs = await Promise.all([open({ topics }), open({ topics }), open({ topics })]); // none was there first
    for (const log of logs) {
      expect(await log.ranges(name)).toHaveLength(12);
      expect(await log.ranges(`${name}.other`)).toHaveLength(1);
    }
    expect(await settingsOf(name)).toEqual({
      'cleanup.policy': 'delete',
      'max.message.bytes': '1048588',
      'message.timestamp.type': 'LogAppendTime',
      'min.insync.replicas': '1',
      'retention.bytes': '-1',
      'retention.ms': '604800000',
      'unclean.leader.election.enable': 'false',
    });
  });

  test('a compacted topic is made compacted, and others keep records as long as the database may be away', async () => {
    const [compacted, events] = [topic(), topic()];
    const logger = createLogger();
    const topics = [
      { name: compacted, partitions: 1, compacted: true },
      { name: events, partitions: 2 },
    ];
    const log = await open({ topics, longestOutageMs: 1_000_000_000, logger });
    expect((await settingsOf(compacted))['cleanup.policy']).toBe('compact');
    expect((await settingsOf(events))['retention.ms']).toBe('1000000000');
    await log.append(compacted, [{ key: 'key', value: Buffer.from('value') }]);
    expect(logger.warnings).toEqual([]);
    await open({ topics, longestOutageMs: 2_000_000_000, logger });
    expect(logger.warnings).toEqual([
      expect.stringMatching(/keeps records for 277.8 hours .* 555.6 hours that it may be/),
    ]);
    const fault = await faultOf(open({ topics: [{ name: compacted, partitions: 1 }] }));
    expect(fault.message).toMatch(/must have cleanup\.policy=delete \(it has compact\)/);
  });

  test('a number of replicas other than configured is told, and the log is opened', async () => {
    const topics = [{ name: topic(), partitions: 1 }];
    await open({ topics });
    const logger = createLogger();
    await open({ topics, replication: 3, logger });
    expect(logger.warnings).toEqual([`Kafka topic ${topics[0]?.name} has 1 replica, but 3 are configured.`]);
  });

  test('another number of partitions is refused with a sentence', async () => {
    const name = topic();
    const configEntries = [LOG_APPEND_TIME];
    await makeTopic(await connectAdmin(), { topic: name, numPartitions: 3, configEntries });
    const fault = await faultOf(open({ topics: [{ name, partitions: 12 }] }));
    expect(fault.name).toBe('LogSetupError');
    expect(fault.message).toBe(
      `Kafka topic ${name} has 3 partitions, but 12 are configured; partitions cannot be changed while sessions rely on them.`,
    );
  });

  test.each([
    ['the sender’s time', [], /must have message\.timestamp\.type=LogAppendTime \(it has CreateTime\)/],
    [
      'a limit below the size of our batches',
      [LOG_APPEND_TIME, { name: 'max.message.bytes', value: '500000' }],
      /must have max\.message\.bytes of at least 900000 \(it has 500000\): /,
    ],
    [
      'compaction',
      [LOG_APPEND_TIME, { name: 'cleanup.policy', value: 'compact' }],
      /must have cleanup\.policy=delete \(it has compact\): the records of a session have one key/,
    ],
  ])('a topic with %s is refused with a sentence', async (_, configEntries, sentence) => {
    const name = topic();
    await makeTopic(await connectAdmin(), { topic: name, numPartitions: 2, configEntries });
    const fault = await faultOf(open({ topics: [{ name, partitions: 2 }] }));
    expect([fault.name, fault.message.startsWith(`Kafka topic ${name} `)]).toEqual(['LogSetupError', true]);
    expect(fault.message).toMatch(sentence);
  });

  test('a topic that cannot be made is named, with Kafka’s reason', async () => {
    const name = topic();
    const fault = await faultOf(open({ topics: [{ name, partitions: 2 }], replication: 30 }));
    expect([fault.name, fault.message]).toEqual(['LogSetupError', expect.stringContaining(name)]);
    expect(fault.message).toMatch(/cannot be made \(.*replication factor.*\)\.$/);
  });

  test('where nothing listens, the address and the reason are told within ten seconds or so', async () => {
    const startedAt = Date.now();
    const nobody = createServer().listen(0, '127.0.0.1');
    await once(nobody, 'listening');
    const { port } = nobody.address() as AddressInfo;
    await new Promise((resolve) => nobody.close(resolve));
    const fault = await faultOf(open({ brokers: [`127.0.0.1:${port}`], topics: [] }));
    expect(fault.name).toBe('LogSetupError');
    expect(fault.message).toMatch(
      new RegExp(`^No Kafka broker can be used at 127\\.0\\.0\\.1:${port} \\(.*ECONNREFUSED`),
    );
    expect(Date.now() - startedAt).toBeLessThan(13_000);
  });

  test('what accepts a connection and never answers is told in the same time', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => silent.close(resolve));
    });
    const { port } = silent.address() as AddressInfo;
    const startedAt = Date.now();
    const fault = await faultOf(open({ brokers: [`127.0.0.1:${port}`], topics: [] }));
    expect([fault.name, fault.message]).toEqual(['LogSetupError', expect.stringContaining(`127.0.0.1:${port}`)]);
    expect(Date.now() - startedAt).toBeLessThan(13_000);
  });

  test('one dead address among several does not matter', async () => {
    const name = topic();
    const log = await open({ brokers: ['127.0.0.1:1', ...brokers], topics: [{ name, partitions: 1 }] });
    expect(await log.ranges(name)).toEqual([{ topic: name, partition: 0, start: 0, end: 0 }]);
  });

  test.each(['localhost', 'kafka:', ':9092', 'kafka:http', ''])('"%s" is no address', async (broker) => {
    const fault = await faultOf(open({ brokers: [broker], topics: [] }));
    expect([fault.name, fault.message]).toEqual(['LogSetupError', expect.stringContaining('host:port is expected')]);
  });

  test('the log’s id is that of the cluster, and the generation', async () => {
    const { clusterId } = await (await connectAdmin()).describeCluster();
    const topics = [{ name: topic(), partitions: 1 }];
    expect((await open({ topics })).id).toBe(`${clusterId}:1`);
    expect((await open({ topics, generation: 7 })).id).toBe(`${clusterId}:7`);
  });

  test('T13: how long unread records are kept is as the topic says now; without an end it is undefined', async () => {
    const [name, compacted] = [topic(), topic()];
    const log = await open({
      topics: [
        { name, partitions: 1 },
        { name: compacted, partitions: 1, compacted: true },
      ],
      longestOutageMs: 200 * 3_600_000,
    });
    expect(await log.retentionMs(name)).toBe(200 * 3_600_000);
    expect(await log.retentionMs(compacted)).toBeUndefined();
    const admin = await connectAdmin();
    for (const [value, expected] of [
      ['60000', 60_000],
      ['-1', undefined],
    ] as const) {
      const configEntries = [{ name: 'retention.ms', value }];
      await admin.alterConfigs({ validateOnly: false, resources: [{ type: 2, name, configEntries }] });
      let found = await log.retentionMs(name);
      for (const deadline = Date.now() + 5000; found !== expected && Date.now() < deadline; )
        found = await log.retentionMs(name);
      expect(found).toBe(expected);
    }
    await expect(log.retentionMs('no.such.topic')).rejects.toThrow('is not among those');
  });
});
