import { type Admin, AssignerProtocol, Kafka, logLevel } from 'kafkajs';

export type KafkaAdmin = Admin;

/** An admin client; whoever opened it disconnects it. */
export async function openKafkaAdmin(brokers: readonly string[]): Promise<KafkaAdmin> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  return admin;
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
