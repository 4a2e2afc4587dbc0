import errors from 'kafkajs/src/protocol/error.js';
import type { LogLogger, LogPosition } from '../event-log.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import { findCoordinator } from './find-coordinator.ts';
import type { GroupConsumer } from './group-consumer.ts';
import { reasonOf, within } from './within.ts';

const EVERY_MS = 1000;
const LAST_PATIENCE_MS = 2000;

export interface PositionPublisherOptions {
  directory: BrokerDirectory;
  /** The open consumers of a group in this process. */
  consumers(group: string): GroupConsumer[];
  logger: LogLogger;
}

/**
 * Commits positions to Kafka for those who watch the lag, at most once a second for each group. Nothing rests on them:
 * faults are told, and the next position says more.
 */
export class PositionPublisher {
  readonly #options: PositionPublisherOptions;
  readonly #pending = new Map<string, Map<string, LogPosition>>();
  readonly #timers = new Map<string, NodeJS.Timeout>();

  constructor(options: PositionPublisherOptions) {
    this.#options = options;
  }

  publish(group: string, positions: readonly LogPosition[]): void {
    let pending = this.#pending.get(group);
    if (!pending) {
      pending = new Map();
      this.#pending.set(group, pending);
    }
    for (const position of positions) pending.set(`${position.topic}/${position.partition}`, position);
    this.#schedule(group);
  }

  #schedule(group: string): void {
    if (this.#timers.has(group)) return;
    const timer = setTimeout(async () => {
      await this.#commit(group);
      this.#timers.delete(group);
      if (this.#pending.has(group)) this.#schedule(group);
    }, EVERY_MS);
    timer.unref();
    this.#timers.set(group, timer);
  }

  /** Commits what is pending now; resolves within two seconds, whatever the brokers do. */
  async flush(group: string): Promise<void> {
    const late = `positions of ${group} could not be told in time`;
    await within(this.#commit(group), LAST_PATIENCE_MS, late).catch(() => {});
  }

  /** Never rejects. */
  async #commit(group: string): Promise<void> {
    const { consumers, logger } = this.#options;
    const positions = [...(this.#pending.get(group)?.values() ?? [])];
    this.#pending.delete(group);
    if (positions.length === 0) return;
    try {
      const members = consumers(group);
      if (members.length === 0) await this.#commitOutside(group, positions);
      for (const member of members) {
        // Of a partition that has moved, the new holder tells more.
        const own = positions.filter((position) => member.maySpeakFor(position));
        if (own.length > 0) await member.commit(own);
      }
    } catch (error) {
      logger.warn({ group, err: error }, `The positions of group ${group} could not be told: ${reasonOf(error)}`);
    }
  }

  /** As somebody who is no member: Kafka takes that only while the group has none. */
  async #commitOutside(groupId: string, positions: readonly LogPosition[]): Promise<void> {
    const { directory } = this.#options;
    const coordinator = await findCoordinator(directory, groupId);
    const topics = [...new Set(positions.map(({ topic }) => topic))].map((name) => ({
      topic: name,
      partitions: positions
        .filter(({ topic }) => topic === name)
        .map(({ partition, offset }) => ({ partition, offset: String(offset) })),
    }));
    const { responses } = await directory.to(coordinator, 'ask').request<{
      responses: { partitions: { errorCode: number }[] }[];
    }>('OffsetCommit', { groupId, groupGenerationId: -1, memberId: '', topics });
    const failed = responses.flatMap(({ partitions }) => partitions).find((partition) => partition.errorCode !== 0);
    if (failed) throw errors.createErrorFromCode(failed.errorCode);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    await Promise.all([...this.#pending.keys()].map((group) => this.flush(group)));
  }
}
