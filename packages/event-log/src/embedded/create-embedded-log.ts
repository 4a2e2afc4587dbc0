import { mkdir, open, realpath, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  type ConsumeOptions,
  type EventLog,
  type LogConsumer,
  type LogFollower,
  type LogLogger,
  type LogRecord,
  LogSetupError,
  LogUnavailableError,
  type TopicSpec,
} from '../event-log.ts';
import { createAppender } from './appender.ts';
import { compactPartition } from './compact-partition.ts';
import { type ConsumerGroup, createConsumerGroup } from './consumer-group.ts';
import { createDiskRoom } from './disk-room.ts';
import { lockFolder } from './folder-lock.ts';
import { followTopic } from './follow-topic.ts';
import { createGroupPositions, type GroupPositions } from './group-positions.ts';
import { type LogFile, openLogFile, positionKey } from './log-file.ts';
import { openPartitions, type Partition, rangeOf, readRecord } from './partition.ts';
import { createTrimmer, type Retention } from './trimmer.ts';

export interface EmbeddedLogOptions extends Retention {
  /** Made if absent; one process at a time may use it. */
  folder: string;
  /** Made if absent. The number of partitions of a topic is fixed once it is made. */
  topics: readonly TopicSpec[];
  /** Default 64 MiB. */
  maxBytesInFlight?: number;
  logger?: LogLogger;
}

/** LMDB's lock file is mapped: without room for it, the first touch would end the process. */
const LEAST_BYTES_FREE = 1024 * 1024;

async function prepareFolder(wanted: string): Promise<string> {
  let free: number;
  let folder: string;
  try {
    await mkdir(wanted, { recursive: true, mode: 0o700 });
    folder = await realpath(wanted);
    const { bavail, bsize } = await statfs(folder);
    free = bavail * bsize;
  } catch (error) {
    const message = `The folder ${wanted} for the event log cannot be used: ${(error as Error).message}`;
    throw new LogSetupError(message, { cause: error });
  }
  if (free >= LEAST_BYTES_FREE) return folder;
  throw new LogSetupError(`There is no room left on disk for the event log in ${folder}`);
}

/** Makes the names in a folder durable, as the file's own syncs do with what is in it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // a folder cannot be opened there
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

/** Nothing rests on it: where there is no room for it, it is done at another start. */
async function compact(
  file: LogFile,
  partitions: ReadonlyMap<string, readonly Partition[]>,
  { topics, logger }: EmbeddedLogOptions,
): Promise<void> {
  for (const { name, compacted } of topics) {
    if (!compacted) continue;
    for (const partition of partitions.get(name) ?? []) {
      try {
        const records = await compactPartition(file, partition);
        if (records > 0) logger?.info({ topic: name, records }, `Superseded records of ${name} were removed`);
      } catch (error) {
        logger?.warn({ topic: name, err: error }, `${name} could not be compacted: ${(error as Error).message}`);
      }
    }
  }
}

/**
 * A consumer that reads again what its group has published as read, as after a restored back-up, needs it again: trimming
 * waits for it until its group publishes anew.
 */
function readingHoldsBack(
  consume: ConsumeOptions,
  partitionsOf: (topic: string) => readonly Partition[],
  positions: GroupPositions,
): ConsumeOptions {
  const { group } = consume;
  const goesOnFrom = (topic: string, partition: number, offset: number): void => {
    const { topicId, start } = partitionsOf(topic)[partition] as Partition;
    const published = positions.get(group, topicId, partition);
    if (published !== undefined && offset < published)
      positions.set(group, topicId, partition, Math.max(offset, start));
  };
  return {
    ...consume,
    async begin(range, lease) {
      const answer = await consume.begin(range, lease);
      if ('offset' in answer) goesOnFrom(range.topic, range.partition, answer.offset);
      return answer;
    },
    async handle(batch, lease) {
      const offset = await consume.handle(batch, lease);
      goesOnFrom(batch.topic, batch.partition, offset);
      return offset;
    },
  };
}

/**
 * The event log of one machine: durable, in a folder, on LMDB. An append is on disk when it resolves, and survives the
 * death of the process at any moment. Consumers of a group are all inside this process.
 * @throws LogSetupError if the folder is in use or cannot be used, or a topic has another number of partitions
 */
export async function createEmbeddedLog(options: EmbeddedLogOptions): Promise<EventLog> {
  const { maxBytesInFlight = 64 * 1024 * 1024, logger } = options;
  const folder = await prepareFolder(options.folder);
  const lock = await lockFolder(folder);
  let opened: LogFile | undefined;
  try {
    const file = await openLogFile(folder, options.topics);
    opened = file;
    for (const made of [folder, dirname(folder)]) await syncFolder(made);
    const partitions = new Map([...file.topics.keys()].map((topic) => [topic, openPartitions(file, topic)]));
    await compact(file, partitions, options);
    const positions = createGroupPositions(file.positions());
    const compacted = new Set(options.topics.filter((topic) => topic.compacted).map(({ name }) => name));
    const trimmable = options.topics
      .filter((topic) => !topic.compacted)
      .flatMap(({ name }) => partitions.get(name) ?? []);
    const trimmer = createTrimmer({ ...options, file, partitions: trimmable, positions });
    const diskRoom = createDiskRoom({ folder, freeBytes: file.freeBytes, logger });
    const makeRoom = async (bytes: number) => (await trimmer.makeRoom(bytes)) ?? (await diskRoom(bytes));
    const appender = createAppender({ file, maxBytesInFlight, makeRoom, logger });
    const groups = new Map<string, ConsumerGroup>();
    const consumers = new Set<LogConsumer>();
    const followers = new Set<LogFollower>();
    let closing: Promise<void> | undefined;

    const partitionsOf = (topic: string): readonly Partition[] => {
      const found = partitions.get(topic);
      if (!found) throw new LogSetupError(`The event log in ${folder} has no topic ${topic}`);
      return found;
    };
    const checkOpen = () => {
      if (closing) throw new LogUnavailableError('unavailable', 'The event log is closed');
    };

    return {
      id: file.id,

      async append(topic, records) {
        // A full log must not keep back the settings: what is revoked may be what fills it.
        await appender.append(partitionsOf(topic), records, !compacted.has(topic));
      },

      async consume(consume) {
        checkOpen();
        for (const topic of consume.topics) partitionsOf(topic);
        const group = groups.get(consume.group) ?? createConsumerGroup({ file, partitionsOf, logger });
        groups.set(consume.group, group);
        const consumer = group.join(readingHoldsBack(consume, partitionsOf, positions));
        consumers.add(consumer);
        const forget = () => consumers.delete(consumer);
        consumer.ended.then(forget, forget);
        return consumer;
      },

      follow({ topic, onRecord }) {
        checkOpen();
        const follower = followTopic({ file, partitions: partitionsOf(topic), topic, onRecord });
        followers.add(follower);
        const forget = () => followers.delete(follower);
        follower.ended.then(forget, forget);
        return follower;
      },

      async ranges(topic) {
        checkOpen();
        return partitionsOf(topic).map(rangeOf);
      },

      async peek({ topic, partition: number, offset }): Promise<LogRecord | undefined> {
        checkOpen();
        const partition = partitionsOf(topic)[number];
        if (!partition) throw new LogSetupError(`The topic ${topic} has no partition ${number}`);
        if (offset >= partition.end) return undefined;
        return readRecord(file, partition, Math.max(offset, partition.start));
      },

      async retentionMs(topic) {
        checkOpen();
        partitionsOf(topic);
        return undefined; // what a group has not read is never removed
      },

      async publishPosition(group, published) {
        const moved = new Map<string, number>();
        let back = false;
        for (const { topic, partition, offset } of published) {
          const topicId = partitionsOf(topic)[partition]?.topicId;
          if (topicId === undefined) throw new LogSetupError(`The topic ${topic} has no partition ${partition}`);
          const key = positionKey(group, topicId, partition);
          back ||= offset < (positions.get(group, topicId, partition) ?? 0);
          moved.set(key, offset);
          positions.set(group, topicId, partition, offset);
        }
        // One kept too low only trims less, so it may wait; one kept too high would trim what is still needed.
        await appender.savePositions(moved, back);
      },

      async close() {
        closing ??= (async () => {
          for (const follower of followers) follower.close();
          await Promise.all([...consumers].map((consumer) => consumer.close()));
          await trimmer.close();
          await appender.close();
          await file.close();
          await lock.release();
        })();
        await closing;
      },
    };
  } catch (error) {
    await opened?.close();
    await lock.release();
    throw error;
  }
}
