import { positionKey } from './log-file.ts';

/** How far groups have stored each partition of a topic: what is below that of all of them is read. */
export interface GroupPositions {
  /** Undefined where the group has published none. */
  get(group: string, topicId: number, partition: number): number | undefined;
  set(group: string, topicId: number, partition: number, offset: number): void;
  /**
   * Below which every group has read that ever published a position of the topic, and the one that holds it back. A
   * group without a position of this very partition has read nothing of it; where no group has published, nothing is read.
   */
  readBelow(topicId: number, partition: number): { offset: number; group?: string };
}

/** @param stored by `positionKey`, as the file has them */
export function createGroupPositions(stored: ReadonlyMap<string, number>): GroupPositions {
  /** By topic, then by group, then by partition. */
  const topics = new Map<number, Map<string, Map<number, number>>>();

  const positions: GroupPositions = {
    get: (group, topicId, partition) => topics.get(topicId)?.get(group)?.get(partition),

    set(group, topicId, partition, offset) {
      const groups = topics.get(topicId) ?? new Map<string, Map<number, number>>();
      const ofGroup = groups.get(group) ?? new Map<number, number>();
      ofGroup.set(partition, offset);
      groups.set(group, ofGroup);
      topics.set(topicId, groups);
    },

    readBelow(topicId, partition) {
      let slowest: { offset: number; group?: string } | undefined;
      for (const [group, ofGroup] of topics.get(topicId) ?? []) {
        const offset = ofGroup.get(partition) ?? 0;
        if (!slowest || offset < slowest.offset) slowest = { offset, group };
      }
      return slowest ?? { offset: 0 };
    },
  };

  for (const [key, offset] of stored) {
    const [, topicId = '', partition = '', group = ''] = /^(\d+)\/(\d+)\/(.*)$/s.exec(key) ?? [];
    if (positionKey(group, Number(topicId), Number(partition)) !== key) continue; // of no version of ours
    positions.set(group, Number(topicId), Number(partition), offset);
  }
  return positions;
}
