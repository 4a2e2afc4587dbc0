import { randomUUID } from 'node:crypto';
import type { EventLog, LogRecord, PartitionRange } from '@wayline/event-log';

/**
 * Reads what stands in a topic now, from the offsets given (default: the start) to its end, each partition in order.
 * @throws if the log cannot tell for a while, or the offsets are not in it any more
 */
export async function readTopic(
  log: EventLog,
  { topic, from }: { topic: string; from: readonly PartitionRange[] },
  onRecord: (record: LogRecord) => void,
): Promise<void> {
  const ends = new Map((await log.ranges(topic)).map(({ partition, end }) => [partition, end]));
  const begins = new Map(from.map(({ partition, end }) => [partition, end]));
  const unread = new Set(
    [...ends].flatMap(([partition, end]) => (end > (begins.get(partition) ?? 0) ? partition : [])),
  );
  if (unread.size === 0) return;
  let finish: () => void = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let gap: Error | undefined;
  const consumer = await log.consume({
    group: `wayline-bench-${randomUUID()}`,
    topics: [topic],
    async begin({ partition, start }) {
      const offset = begins.get(partition) ?? start;
      if (offset >= start) return { offset };
      gap = new Error(`${topic}/${partition} begins at ${start}, and not at ${offset}, any more`);
      finish();
      return { stop: gap.message };
    },
    async handle({ partition, records, nextOffset }) {
      const end = ends.get(partition) ?? 0;
      for (const record of records) if (record.offset < end) onRecord(record);
      begins.set(partition, nextOffset); // should the partition be handed over again
      if (nextOffset >= end) unread.delete(partition);
      if (unread.size === 0) finish();
      return nextOffset;
    },
  });
  await Promise.race([finished, consumer.ended]);
  await consumer.close();
  if (gap) throw gap;
  if (unread.size > 0) throw new Error(`The consumer of ${topic} ended before all was read`);
}
