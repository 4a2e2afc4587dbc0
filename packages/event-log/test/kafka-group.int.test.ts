import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { describeWithKafka, sharedKafka, startProcess } from '@wayline/testkit';
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
    while (!told.some((line) => line.includes('it is made anew'))) await sleep(10);
    await stranger.disconnect();
    const reader = await starting;
    await reader.until('all', () => reader.values().length === 10);
    expect(reader.values()).toEqual(numbers(10));
  }, 30_000);
});

/** A member of a group, in a process of its own. */
const MEMBER = `
  import kafkajs from ${JSON.stringify(import.meta.resolve('kafkajs'))};
  const [, brokers, groupId, topic] = process.argv;
  const member = new kafkajs.Kafka({ brokers: brokers.split(','), logLevel: 0 })
    .consumer({ groupId, sessionTimeout: 10_000, rebalanceTimeout: 15_000 });
  member.on(member.events.GROUP_JOIN, () => console.log('joined'));
  await member.connect();
  await member.subscribe({ topics: [topic] });
  await member.run({ eachMessage: async () => {} });
`;

await describeWithKafka('a consumer that leaves while its group forms anew', () => {
  test('O2: does not stay behind as a member that nobody hears of', async () => {
    const { brokers } = await sharedKafka();
    const topic = `group.${randomUUID()}`;
    const group = newGroup();
    const closers: (() => Promise<unknown>)[] = [];
    const openReader = async () => {
      const topics = [{ name: topic, partitions: 6 }];
      const log = await createKafkaLog({ brokers, topics, sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 15_000 });
      closers.push(() => log.close());
      return startReader(log, { topic, group });
    };
    try {
      const leaving = await openReader();
      await openReader();
      const ghost = startProcess(process.execPath, [
        '--input-type=module',
        '--eval',
        MEMBER,
        brokers.join(),
        group,
        topic,
      ]);
      closers.push(() => ghost.end('SIGKILL'));
      await ghost.waitForLine(/joined/);
      const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
      await admin.connect();
      closers.push(() => admin.disconnect());
      const until = async (what: string, holds: () => boolean | Promise<boolean>) => {
        for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(20)) if (await holds()) return;
        throw new Error(`Still waiting for ${what}: ${JSON.stringify(await look())}`);
      };
      const look = async () => {
        const { groups } = await admin.describeGroups([group]);
        return { state: groups[0]?.state, members: groups[0]?.members.length };
      };
      await until('a stable group', async () => (await look()).state === 'Stable');

      // The group waits for a member that has died, because another wants to join; and one that waits leaves.
      await ghost.end('SIGKILL');
      const coming = openReader();
      await until('a rebalance', async () => (await look()).state === 'PreparingRebalance');
      await sleep(2500); // over two heartbeats, by which everybody hears of it, and then waits for the ghost
      await leaving.consumer.close();
      expect((await look()).state).toBe('PreparingRebalance');
      await until('a stable group', async () => (await look()).state === 'Stable');
      expect(await look()).toEqual({ state: 'Stable', members: 2 });
      await coming;
    } finally {
      for (const close of closers.reverse()) await close();
    }
  }, 120_000);
});
