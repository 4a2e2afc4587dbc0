import { type Batch, type Consumer, Kafka } from 'kafkajs';
import type { LogPosition, TopicPartition } from '../event-log.ts';
import type { FetchedMessages } from './decode-fetch.ts';
import { createKafkajsLog } from './kafkajs-log.ts';
import { CONNECTION_TIMEOUT_MS, type ConnectionSettings } from './options.ts';
import { createSocketSet } from './socket-set.ts';
import { within } from './within.ts';

/** What kafkajs hands over of one partition. `fetchedOffset`, not among its declared types, is the one it asked for. */
export interface FetchedBatch {
  topic: string;
  partition: number;
  fetchedOffset: string;
  highWatermark: string;
  messages: FetchedMessages[];
  lastOffset(): string;
}

export interface KafkaSessionOptions {
  settings: ConnectionSettings;
  group: string;
  topics: readonly string[];
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  maxWaitMs: number;
  /** Of one partition in one fetch. */
  maxBytesPerPartition: number;
  /** Partitions of all topics: so many batches may be handed over side by side. */
  concurrency: number;
  /** Called in the same turn in which kafkajs joined, before it fetches: what must not be fetched is paused here. */
  onAssigned(partitions: TopicPartition[], memberId: string): void;
  /** While it is pending, kafkajs fetches nothing more from the broker that the batch came from. Must not reject. */
  onBatch(batch: FetchedBatch): Promise<void>;
  /** kafkajs is about to go on at an offset of its own choice. */
  onOutOfRange(partition: TopicPartition): void;
  /** The coordinator has heard from us. */
  onHeartbeat(): void;
}

/** One kafkajs consumer, from its start until it ends for whatever reason; it is not started a second time. */
export interface KafkaSession {
  /** Resolves, with the reason, once kafkajs has given up; never after `stop`. */
  readonly crashed: Promise<Error>;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  /** The next fetch of the partition begins there. */
  seek(position: LogPosition): void;
  commit(positions: readonly LogPosition[]): Promise<void>;
  /**
   * Leaves the group and ends the connections, within some seconds whatever the brokers do.
   * @returns whether it had time to leave
   */
  stop(): Promise<boolean>;
}

/** In a backlog of one partition, which then fill a transaction; small, since its bytes are kept until the last of its partitions is done with. */
const MAX_FETCH_BYTES = 4 * 1024 * 1024;
const STOP_PATIENCE_MS = 3000;

/** kafkajs' own attempts to go on without leaving the group: about 3 s. After that it is made anew by the caller. */
const RETRY = { retries: 5, initialRetryTime: 100, multiplier: 2, factor: 0.2, maxRetryTime: 1000 };

export function startKafkaSession(options: KafkaSessionOptions): KafkaSession {
  const { settings, group, topics, sessionTimeoutMs } = options;
  const sockets = createSocketSet();
  let crash: (error: Error) => void = () => {};
  const crashed = new Promise<Error>((resolve) => {
    crash = resolve;
  });
  const { level, creator } = createKafkajsLog(settings.logger, (topic, partition) =>
    options.onOutOfRange({ topic, partition }),
  );
  const consumer: Consumer = new Kafka({
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    ssl: settings.ssl,
    sasl: settings.sasl,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: 10_000,
    retry: RETRY,
    socketFactory: sockets.factory,
    logLevel: level,
    logCreator: creator,
  }).consumer({
    groupId: group,
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: options.rebalanceTimeoutMs,
    // With a heartbeat a member also learns that others wait for it to join anew.
    heartbeatInterval: Math.min(1000, Math.floor(sessionTimeoutMs / 4)),
    maxBytesPerPartition: options.maxBytesPerPartition,
    maxBytes: Math.max(MAX_FETCH_BYTES, options.maxBytesPerPartition),
    maxWaitTimeInMs: options.maxWaitMs,
    allowAutoTopicCreation: false,
    retry: { ...RETRY, restartOnFailure: async () => false },
  });

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const assignment = payload.memberAssignment as Record<string, number[]>;
    const partitions = Object.entries(assignment).flatMap(([topic, list]) =>
      list.map((partition) => ({ topic, partition })),
    );
    options.onAssigned(partitions, payload.memberId);
  });
  consumer.on(consumer.events.HEARTBEAT, () => options.onHeartbeat());
  consumer.on(consumer.events.CRASH, ({ payload }) => crash(payload.error));

  const start = async () => {
    await consumer.connect();
    await consumer.subscribe({ topics: [...topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: options.concurrency,
      eachBatch: ({ batch }) => options.onBatch(batch as Batch & FetchedBatch),
    });
  };
  const starting = start().catch((error: unknown) => crash(error as Error));

  /** A consumer that has crashed refuses to be told anything; it does not matter any more. */
  const unlessEnded = (tell: () => void) => {
    try {
      tell();
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('not initialized'))) throw error;
    }
  };

  return {
    crashed,
    pause: ({ topic, partition }) => unlessEnded(() => consumer.pause([{ topic, partitions: [partition] }])),
    resume: ({ topic, partition }) => unlessEnded(() => consumer.resume([{ topic, partitions: [partition] }])),
    seek: ({ topic, partition, offset }) =>
      unlessEnded(() => consumer.seek({ topic, partition, offset: String(offset) })),
    commit: (positions) =>
      consumer.commitOffsets(
        positions.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })),
      ),
    async stop() {
      // While it joins, kafkajs would take no notice of being stopped, and consume on afterwards.
      await within(starting, STOP_PATIENCE_MS, 'still joining').catch(() => sockets.close());
      const left = await within(consumer.disconnect(), STOP_PATIENCE_MS, 'still leaving').then(
        () => true,
        () => false,
      );
      sockets.close();
      return left;
    },
  };
}
