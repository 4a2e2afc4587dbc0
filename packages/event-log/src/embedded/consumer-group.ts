import type { ConsumeOptions, Lease, LogConsumer, LogLogger, TopicPartition } from '../event-log.ts';
import { assignPartitions } from './assign-partitions.ts';
import type { LogFile } from './log-file.ts';
import type { Partition } from './partition.ts';
import { readPartition } from './read-partition.ts';

export interface ConsumerGroupOptions {
  file: LogFile;
  /** The partitions of a topic, the same objects each time. */
  partitionsOf(topic: string): readonly Partition[];
  logger?: LogLogger;
}

export interface ConsumerGroup {
  join(options: ConsumeOptions): LogConsumer;
}

interface Member {
  options: ConsumeOptions;
  partitions: readonly Partition[];
  fail(error: unknown): void;
}

/** A partition being read: by whom, and until when. */
interface Reading {
  member: Member;
  abort: AbortController;
  done: Promise<void>;
}

/**
 * The consumers of a group, all in this process. When one joins or leaves, the partitions are shared anew; one that moves
 * has its lease aborted, and goes to its new holder once the handler in hand is done.
 */
export function createConsumerGroup({ file, partitionsOf, logger }: ConsumerGroupOptions): ConsumerGroup {
  const members = new Set<Member>();
  const readings = new Map<Partition, Reading>();
  let wanted = new Map<Partition, Member>();

  function start(partition: Partition, member: Member): void {
    const abort = new AbortController();
    const lease: Lease = { signal: abort.signal };
    const done = readPartition({ file, partition, lease, consume: member.options, logger })
      .catch((error: unknown) => member.fail(error))
      .finally(() => {
        readings.delete(partition);
        settle(partition);
      });
    readings.set(partition, { member, abort, done });
  }

  /** Brings the reading of a partition nearer to what is wanted. */
  function settle(partition: Partition): void {
    const reading = readings.get(partition);
    const member = wanted.get(partition);
    if (reading && reading.member !== member) reading.abort.abort();
    else if (!reading && member) start(partition, member);
  }

  function rebalance(): void {
    const candidates = [...members].map((member) => ({
      member,
      wants: (partition: Partition) => member.partitions.includes(partition),
    }));
    const partitions = [...new Set([...members].flatMap((member) => member.partitions))];
    wanted = assignPartitions(partitions, candidates, wanted);
    for (const partition of new Set([...readings.keys(), ...partitions])) settle(partition);
  }

  return {
    join(options) {
      let fail = (_error: unknown): void => {};
      let end = (): void => {};
      const ended = new Promise<void>((resolve, reject) => {
        end = resolve;
        fail = reject;
      });
      ended.catch(() => {}); // whoever holds the consumer may look at it later
      const member: Member = {
        options,
        partitions: options.topics.flatMap(partitionsOf),
        fail(error) {
          logger?.error({ err: error, group: options.group }, 'A consumer of the event log has ended');
          fail(error);
          void leave();
        },
      };
      const ofMember = () => [...readings].filter(([, reading]) => reading.member === member);
      let leaving: Promise<void> | undefined;
      const leave = (): Promise<void> => {
        leaving ??= (async () => {
          const mine = ofMember();
          members.delete(member);
          rebalance();
          await Promise.all(mine.map(([, { done }]) => done));
          end();
        })();
        return leaving;
      };
      members.add(member);
      rebalance();
      return {
        ended,
        assigned: (): TopicPartition[] =>
          ofMember()
            .filter(([, { abort }]) => !abort.signal.aborted)
            .map(([{ topic, partition }]) => ({ topic, partition })),
        close: leave,
      };
    },
  };
}
