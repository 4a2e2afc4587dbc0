import { setTimeout as sleep } from 'node:timers/promises';
import { type Admin, AssignerProtocol, type ITopicConfig, Kafka, logLevel } from 'kafkajs';

export type KafkaAdmin = Admin;

/** An admin client; whoever opened it disconnects it. */
export async function openKafkaAdmin(brokers: readonly string[]): Promise<KafkaAdmin> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  return admin;
}

/**
 * Makes a topic, also while one of its name is still being deleted, and resolves when each partition has a leader. What
 * kafkajs itself waits for ends with an error now and then: a broker that has not heard yet of a new topic denies it.
 */
export async function makeTopic(admin: KafkaAdmin, topic: ITopicConfig): Promise<void> {
  const deadline = Date.now() + 30_000;
  let asked = false; // whether it was made may remain unknown: on a slow machine the answer comes too late
  const isLed = async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic.topic] });
    const partitions = topics[0]?.partitions ?? [];
    return partitions.length > 0 && partitions.every(({ leader }) => leader >= 0);
  };
  for (let step = 'make'; ; await sleep(50)) {
    try {
      if (step === 'make') {
        const made = await admin.createTopics({ topics: [topic], waitForLeaders: false });
        if (made || asked) step = 'lead';
      }
      if (step === 'lead' && (await isLed())) return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      asked = true;
    }
    if (Date.now() > deadline) throw new Error(`The topic ${topic.topic} was not made in time`);
  }
}

/** Deletes topics, and resolves when the broker that is asked names them no more. */
export async function deleteTopics(admin: KafkaAdmin, topics: readonly string[]): Promise<void> {
  await admin.deleteTopics({ topics: [...topics] });
  const isThere = (topic: string) => topics.includes(topic);
  while ((await admin.listTopics()).some(isThere)) await sleep(50);
}

/** The partitions of a topic that members of a group own, as the coordinator says: none while the group forms anew. */
export async function ownedPartitions(
  admin: KafkaAdmin,
  { group, topic }: { group: string; topic: string },
): Promise<Set<number>> {
  const { groups } = await admin.describeGroups([group]);
  if (groups[0]?.state !== 'Stable') return new Set();
  return new Set(
    groups[0].members.flatMap(
      ({ memberAssignment }) => AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? [],
    ),
  );
}
