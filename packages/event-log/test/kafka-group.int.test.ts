import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithKafka, sharedKafka } from '@wayline/testkit';
import { AssignerProtocol, type Consumer, Kafka, logLevel, type PartitionAssigner } from 'kafkajs';
import { newGroup, numbered, numbers, startReader } from '../src/contract-suite/index.ts';
import type { LogLogger } from '../src/event-log.ts';
import { createKafkaLog } from '../src/kafka/index.ts';

/** Shares partitions in a way that ours do not know: Kafka then refuses ours as members, and kafkajs gives up at once. */
const strangeAssigner: PartitionAssigner = () => ({
  name: 'strange',
  version: 1,
  assign: async ({ members }) =>
    members.map(({ memberId }) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: 1,
        assignment: {},
        userData: Buffer.alloc(0),
      }),
    })),
  protocol: ({ topics }) => ({
    name: 'strange',
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.alloc(0) }),
  }),
});

await describeWithKafka('a consumer that Kafka does not let into its group', () => {
  let brokers: string[];
  const closers: (() => Promise<unknown>)[] = [];
  const told: string[] = [];
  const tell = (_: object, message: string) => void told.push(message);
  const logger: LogLogger = { info() {}, warn: tell, error: tell };
  beforeAll(async () => {
    ({ brokers } = await sharedKafka());
  }, 120_000);
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    told.length = 0;
  });

  /** A log, its topic, and a group with a member that shares partitions in its own way. */
  async function prepare() {
    const topic = `group.${randomUUID()}`;
    const log = await createKafkaLog({ brokers, topics: [{ name: topic, partitions: 2 }], logger });
    closers.push(() => log.close());
    const group = newGroup();
    const stranger: Consumer = new Kafka({ brokers, logLevel: logLevel.NOTHING }).consumer({
      groupId: group,
      maxWaitTimeInMs: 100, // it leaves only after its fetch
      partitionAssigners: [strangeAssigner],
    });
    closers.push(() => stranger.disconnect());
    const joined = new Promise((resolve) => stranger.on(stranger.events.GROUP_JOIN, resolve));
    await stranger.connect();
    await stranger.subscribe({ topics: [topic] });
    await stranger.run({ eachMessage: async () => {} });
    await joined;
    return { topic, log, group, stranger };
  }

  test('ends for good after some attempts, with Kafka’s reason, and says so', async () => {
    const { topic, log, group } = await prepare();
    const { consumer } = await startReader(log, { topic, group });
    await expect(consumer.ended).rejects.toThrow(/protocols are incompatible with those of existing members/);
    expect(told.filter((line) => line.includes('it is made anew')).length).toBe(4);
    expect(told.at(-1)).toMatch(/^The consumer of .* ended for good \(/);
    expect(consumer.assigned()).toEqual([]);
    await consumer.close();
  }, 30_000);

  test('is let in when the other has left, and reads everything', async () => {
    const { topic, log, group, stranger } = await prepare();
    await log.append(topic, numbered(10));
    const starting = startReader(log, { topic, group });
    while (!told.some((line) => line.includes('it is made anew'))) await new Promise(setImmediate);
    await stranger.disconnect();
    const reader = await starting;
    await reader.until('all', () => reader.values().length === 10);
    expect(reader.values()).toEqual(numbers(10));
  }, 30_000);
});
