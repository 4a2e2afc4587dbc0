import { AssignerProtocol, Kafka, logLevel } from 'kafkajs';

/** How many partitions of a topic each member of a consumer group holds, ascending, as Kafka's coordinator says. */
export async function groupShares(
  brokers: readonly string[],
  { group, topic }: { group: string; topic: string },
): Promise<number[]> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { groups } = await admin.describeGroups([group]);
    const shares = (groups[0]?.members ?? []).map(({ memberAssignment }) => {
      const assignment = AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment;
      return assignment?.[topic]?.length ?? 0;
    });
    return shares.sort((a, b) => a - b);
  } finally {
    await admin.disconnect();
  }
}
