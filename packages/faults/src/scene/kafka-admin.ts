import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, Kafka, logLevel } from 'kafkajs';

const IN_SYNC_MS = 90_000;
const GONE_MS = 30_000;

async function withAdmin<T>(brokers: readonly string[], work: (admin: Admin) => Promise<T>): Promise<T> {
  const client = new Kafka({ brokers: [...brokers], clientId: 'faults', logLevel: logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/** Resolves when every replica of every partition is in sync: before that, a further broker must not go. */
export async function allInSync(brokers: readonly string[]): Promise<void> {
  let reason = '';
  for (const deadline = Date.now() + IN_SYNC_MS; Date.now() < deadline; await sleep(250)) {
    try {
      const { topics } = await withAdmin(brokers, (admin) => admin.fetchTopicMetadata());
      const behind = topics.flatMap(({ name, partitions }) =>
        partitions
          .filter(({ isr, replicas, leader }) => isr.length < replicas.length || leader < 0)
          .map(({ partitionId }) => `${name}/${partitionId}`),
      );
      if (behind.length === 0) return;
      reason = behind.join(', ');
    } catch (error) {
      reason = (error as Error).message;
    }
  }
  throw new Error(`Replicas are not in sync within ${IN_SYNC_MS / 1000} s: ${reason}`);
}

/** Deletes topics, and resolves when no broker knows them any more. */
export async function deleteTopics(brokers: readonly string[], topics: readonly string[]): Promise<void> {
  await withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [...topics] }));
  const deadline = Date.now() + GONE_MS;
  for (const broker of brokers) {
    for (;;) {
      const known = await withAdmin([broker], (admin) => admin.listTopics());
      if (!known.some((name) => topics.includes(name))) break;
      if (Date.now() > deadline) throw new Error(`The topics ${topics.join(', ')} are still there`);
      await sleep(100);
    }
  }
}

/** The end of each partition, by `topic/partition`. None of them was ever trimmed here: so many records are in it. */
export async function logEnds(brokers: readonly string[], topics: readonly string[]): Promise<Map<string, number>> {
  return withAdmin(brokers, async (admin) => {
    const ends = new Map<string, number>();
    for (const topic of topics) {
      for (const { partition, high } of await admin.fetchTopicOffsets(topic)) {
        ends.set(`${topic}/${partition}`, Number(high));
      }
    }
    return ends;
  });
}

export async function clusterIdOf(brokers: readonly string[]): Promise<string> {
  const { clusterId } = await withAdmin(brokers, (admin) => admin.describeCluster());
  return clusterId;
}
