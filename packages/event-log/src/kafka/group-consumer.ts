import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConsumeOptions,
  type LogConsumer,
  type LogPosition,
  type LogRecord,
  LogUnavailableError,
  type PartitionRange,
  type TopicPartition,
} from '../event-log.ts';
import { BytesInHand } from './bytes-in-hand.ts';
import { HeldPartition } from './held-partition.ts';
import { type KafkaSession, startKafkaSession } from './kafka-session.ts';
import type { ConnectionSettings } from './options.ts';
import { reasonOf, within } from './within.ts';

export interface GroupConsumerOptions {
  settings: ConnectionSettings;
  consume: ConsumeOptions;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** Of all topics. */
  partitions: number;
  ranges(topic: string): Promise<PartitionRange[]>;
  peek(position: LogPosition): Promise<LogRecord | undefined>;
  /** Rejects with what Kafka says against finding the group's coordinator, if anything. */
  findCoordinator(): Promise<unknown>;
  /** Takes a member out of the group, by a connection of its own. */
  leave(memberId: string): Promise<void>;
  /** Awaited when no handler is at work any more, and the group is about to be left. */
  beforeLeaving(): Promise<void>;
}

const MAX_FAILURES = 5;
/** A consumer that worked for so long before it failed has not failed in a row. */
const PROOF_MS = 60_000;
const LONGEST_PAUSE_MS = 5000;
const JOIN_PATIENCE_MS = 10_000;
const LEAVE_PATIENCE_MS = 3000;
const MAX_BYTES_PER_PARTITION = 4 * 1024 * 1024;
const IN_HAND = { most: 12 * 1024 * 1024, many: 3 * 1024 * 1024 };

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** What led to an error, at the bottom; only faults that Kafka itself calls lasting are not waited out. */
function isLasting(error: Error): boolean {
  let root: Error & { retriable?: boolean } = error;
  while (root.cause instanceof Error) root = root.cause;
  return root.retriable === false || !('retriable' in root);
}

/** A member of a consumer group for as long as it is open: kafkajs' consumer is made anew whenever it gives up. */
export class GroupConsumer implements LogConsumer {
  readonly ended: Promise<void>;
  readonly #options: GroupConsumerOptions;
  readonly #held = new Map<string, HeldPartition>();
  /** Partitions that were lost while their handler was at work, until it is done. */
  readonly #lettingGo = new Map<string, Promise<void>>();
  readonly #inHand = new BytesInHand(IN_HAND, () => [...this.#held.values()].some(({ isDue }) => isDue));
  readonly #closing = new AbortController();
  #session: KafkaSession | undefined;
  #memberId: string | undefined;
  /** As the group says, also while they are taken for lost. */
  #assignment: readonly TopicPartition[] = [];
  #heardAt = 0;
  #silent = false;
  #closed: Promise<void> | undefined;
  #setJoined: () => void = () => {};
  /** Resolves when it has joined the group for the first time. */
  readonly #joined = new Promise<void>((resolve) => {
    this.#setJoined = resolve;
  });

  constructor(options: GroupConsumerOptions) {
    this.#options = options;
    this.ended = this.#run();
    this.ended.catch(() => {}); // whoever wants to know looks at `ended`
  }

  /** Resolves when it has joined the group, or ended, and after some seconds in any case: it goes on trying. */
  async joined(): Promise<void> {
    const ended = this.ended.catch(() => {});
    await within(Promise.race([this.#joined, ended]), JOIN_PATIENCE_MS, 'not joined yet').catch(() => {});
  }

  get group(): string {
    return this.#options.consume.group;
  }

  assigned(): TopicPartition[] {
    return this.#assignment.filter((partition) => this.#held.has(keyOf(partition)));
  }

  /** Whether the group gave it the partition, which while it leaves it does not hold any more. */
  maySpeakFor(partition: TopicPartition): boolean {
    return this.#assignment.some((given) => keyOf(given) === keyOf(partition));
  }

  /** Tells the group's coordinator; rejects if it does not take it. */
  async commit(positions: readonly LogPosition[]): Promise<void> {
    await this.#session?.commit(positions);
  }

  async #run(): Promise<void> {
    const { consume, settings } = this.#options;
    const watch = setInterval(() => this.#watch(), 1000);
    try {
      for (
        let failures = 0, pause = 100;
        !this.#closing.signal.aborted;
        pause = Math.min(LONGEST_PAUSE_MS, pause * 2)
      ) {
        const startedAt = Date.now();
        const ended = await this.#runSession();
        if (!ended) return;
        const error = await this.#explain(ended);
        if (Date.now() - startedAt > PROOF_MS) [failures, pause] = [0, 100];
        if (isLasting(error) && ++failures === MAX_FAILURES) throw error;
        const fields = { group: consume.group, topics: consume.topics, err: error };
        settings.logger.warn(fields, `The consumer of ${consume.group} ended (${reasonOf(error)}); it is made anew`);
        await sleep(pause, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    } catch (error) {
      const fields = { group: consume.group, topics: consume.topics, err: error };
      settings.logger.error(fields, `The consumer of ${consume.group} ended for good (${reasonOf(error)})`);
      throw error;
    } finally {
      clearInterval(watch);
    }
  }

  /** kafkajs calls it lasting that no coordinator is found, and keeps Kafka's reason, which may be passing, to itself. */
  async #explain(error: Error): Promise<Error> {
    if (error.name !== 'KafkaJSGroupCoordinatorNotFound' && !/group coordinator/.test(error.message)) return error;
    try {
      await this.#options.findCoordinator();
    } catch (reason) {
      return reason as Error;
    }
    return new LogUnavailableError('unavailable', error.message, { cause: Object.assign(error, { retriable: true }) });
  }

  /** From joining the group to leaving it; answers with why kafkajs gave up, or nothing when this is closed. */
  async #runSession(): Promise<Error | undefined> {
    const { consume, settings, sessionTimeoutMs, rebalanceTimeoutMs, partitions } = this.#options;
    const maxBytes = consume.maxBytes ?? 4 * 1024 * 1024;
    const session = startKafkaSession({
      settings,
      group: consume.group,
      topics: consume.topics,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      maxWaitMs: consume.maxWaitMs ?? 100,
      maxBytesPerPartition: Math.min(maxBytes, MAX_BYTES_PER_PARTITION),
      concurrency: partitions,
      onAssigned: (assignment, memberId) => this.#assign(assignment, memberId),
      onBatch: async (batch) => this.#held.get(keyOf(batch))?.take(batch),
      onOutOfRange: (partition) => this.#held.get(keyOf(partition))?.outOfRange(),
      onHeartbeat: () => this.#hear(),
    });
    this.#session = session;
    this.#heardAt = Date.now();
    const closing = new Promise<undefined>((resolve) => {
      if (this.#closing.signal.aborted) resolve(undefined);
      this.#closing.signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    const error = await Promise.race([session.crashed, closing]);
    for (const key of [...this.#held.keys()]) this.#lose(key);
    if (!error) {
      await Promise.all(this.#lettingGo.values());
      await this.#options.beforeLeaving();
    }
    const memberId = this.#memberId;
    this.#assignment = [];
    this.#memberId = undefined;
    const left = await session.stop();
    if (!left && memberId !== undefined) await this.#leaveInstead(memberId);
    return error;
  }

  /**
   * While the group forms anew kafkajs waits for it on its one connection, and its word that it leaves waits behind: the
   * group would form with a member that is gone, whose partitions nobody reads until its session has timed out.
   */
  async #leaveInstead(memberId: string): Promise<void> {
    const { consume, settings, leave } = this.#options;
    await within(leave(memberId), LEAVE_PATIENCE_MS, 'still leaving').catch((error: unknown) => {
      const fields = { group: consume.group, err: error };
      settings.logger.warn(fields, `The group ${consume.group} could not be left (${reasonOf(error)})`);
    });
  }

  #assign(assignment: readonly TopicPartition[], memberId: string): void {
    this.#heardAt = Date.now();
    this.#silent = false;
    this.#setJoined();
    if (this.#closing.signal.aborted) return;
    // Under another id it was out of the group meanwhile, and others may have held what it is given now.
    const stayed = memberId === this.#memberId ? new Set(assignment.map(keyOf)) : new Set<string>();
    this.#memberId = memberId;
    this.#assignment = assignment;
    for (const key of [...this.#held.keys()]) {
      if (!stayed.has(key)) this.#lose(key);
    }
    for (const partition of assignment) {
      const held = this.#held.get(keyOf(partition));
      if (held) held.keep();
      else this.#hold(partition);
    }
    const { consume, settings } = this.#options;
    const fields = { group: consume.group, partitions: assignment.length };
    settings.logger.info(fields, `${assignment.length} partitions are held in group ${consume.group}`);
  }

  #hold(partition: TopicPartition): void {
    const { consume, settings, ranges, peek } = this.#options;
    const key = keyOf(partition);
    const held = new HeldPartition({
      partition,
      session: this.#session as KafkaSession,
      consume: {
        begin: consume.begin,
        handle: consume.handle,
        maxRecords: consume.maxRecords ?? 2500,
        maxBytes: consume.maxBytes ?? 4 * 1024 * 1024,
      },
      logger: settings.logger,
      range: async () => (await ranges(partition.topic))[partition.partition] as PartitionRange,
      peek: (offset) => peek({ ...partition, offset }),
      inHand: this.#inHand,
      before: this.#lettingGo.get(key) ?? Promise.resolve(),
    });
    this.#held.set(key, held);
  }

  #lose(key: string): void {
    const held = this.#held.get(key);
    if (!held) return;
    this.#held.delete(key);
    const before = this.#lettingGo.get(key);
    const gone = Promise.all([before, held.lose()]).then(() => {
      if (this.#lettingGo.get(key) === gone) this.#lettingGo.delete(key);
    });
    this.#lettingGo.set(key, gone);
  }

  #hear(): void {
    this.#heardAt = Date.now();
    if (this.#silent && this.#memberId !== undefined) this.#assign(this.#assignment, this.#memberId);
  }

  /** Once the coordinator has not heard from us for a session, it has given the partitions to others. */
  #watch(): void {
    if (this.#silent || Date.now() - this.#heardAt <= this.#options.sessionTimeoutMs) return;
    this.#silent = true;
    for (const key of [...this.#held.keys()]) this.#lose(key);
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#closed ??= this.ended.catch(() => {});
    return this.#closed;
  }
}
