import { setTimeout as sleep } from 'node:timers/promises';
import errors from 'kafkajs/src/protocol/error.js';
import type { FollowOptions, LogFollower, LogLogger, PartitionRange } from '../event-log.ts';
import { createFollowerState, type FollowerState } from '../follower-state.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import type { FetchAnswer, FetchedPartition } from './decode-fetch.ts';
import { reasonOf } from './within.ts';

export interface FollowTopicOptions extends FollowOptions {
  directory: BrokerDirectory;
  partitions: number;
  ranges(): Promise<PartitionRange[]>;
  logger: LogLogger;
}

const OFFSET_OUT_OF_RANGE = 1;
const READ_COMMITTED = 1;
/** How long a broker may wait for more before it answers; all of a link's fetches wait for one another. */
const WAIT_MS = 500;
const AT_ONCE_BYTES = 1024 * 1024;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** While the log is away it is said again so often. */
const TELL_EVERY_MS = 60_000;

/**
 * Reads a topic by fetches of its own: a consumer of kafkajs would need a group, and end for good at faults that are
 * waited out here.
 */
export function followTopic(options: FollowTopicOptions): LogFollower {
  const { topic, partitions, onRecord } = options;
  const state = createFollowerState({ topic, partitions, onRecord });
  follow(options, state).catch((error: unknown) => state.fail(error));
  return state.follower;
}

async function follow(options: FollowTopicOptions, state: FollowerState): Promise<void> {
  const { topic, directory, ranges, logger } = options;
  const { signal } = state;
  /** By partition, the offset to read next; absent where that has to be asked. */
  const next = new Map<number, number>();
  const all = Array.from({ length: options.partitions }, (_, partition) => partition);

  async function begin(): Promise<void> {
    if (next.size === options.partitions) return;
    for (const { partition, start, end } of await ranges()) {
      if (next.has(partition)) continue;
      next.set(partition, start);
      state.expect(partition, end);
      state.readTo(partition, start, start === end);
    }
  }

  async function fetchFrom(leader: number, led: readonly number[]): Promise<void> {
    const askedAt = performance.now();
    const answer = await directory.to(leader, 'follow').request<FetchAnswer>('Fetch', {
      maxWaitTime: WAIT_MS,
      minBytes: 1,
      maxBytes: AT_ONCE_BYTES,
      isolationLevel: READ_COMMITTED,
      topics: [
        {
          topic,
          partitions: led.map((partition) => ({
            partition,
            fetchOffset: next.get(partition) as number,
            maxBytes: AT_ONCE_BYTES,
          })),
        },
      ],
    });
    const fetched = answer.responses.flatMap((response) => response.partitions);
    for (const each of fetched) take(each);
    const empty = fetched.every(({ messages }) => messages.length === 0);
    // It did not wait, and gave nothing: throttled, or a batch that compaction has emptied.
    if (empty && performance.now() - askedAt < WAIT_MS / 2) await sleep(WAIT_MS, undefined, { signal }).catch(() => {});
  }

  function take(fetched: FetchedPartition): void {
    const { partition, errorCode } = fetched;
    const from = next.get(partition);
    if (from === undefined || signal.aborted) return;
    if (errorCode === OFFSET_OUT_OF_RANGE) {
      next.delete(partition);
      logger.warn(
        { topic, partition, offset: from },
        `${topic} is read from its start again: it was cut, or made again`,
      );
      return;
    }
    if (errorCode !== 0) throw errors.createErrorFromCode(errorCode);
    let to = from;
    for (const { records, unreadable, nextOffset } of fetched.messages) {
      if (unreadable) throw unreadable;
      for (const record of records) if (record.offset >= from) state.hand(record, partition);
      to = Math.max(from, nextOffset);
      next.set(partition, to); // should the next one not let itself be read
    }
    // A broker that throttles answers with no records, and -1 for the end.
    const end = Number(fetched.highWatermark);
    state.readTo(partition, to, end >= 0 && to >= end);
  }

  let pauseMs = FIRST_PAUSE_MS;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      await begin();
      const byLeader = new Map<number, number[]>();
      for (const partition of all) {
        const leader = directory.leader(topic, partition);
        if (leader === undefined) throw new Error(`partition ${partition} of ${topic} has no leader`);
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), partition]);
      }
      await settled([...byLeader].map(([leader, led]) => fetchFrom(leader, led)));
      pauseMs = FIRST_PAUSE_MS;
      toldAtMs = Number.NEGATIVE_INFINITY;
    } catch (error) {
      if (signal.aborted) return;
      if (performance.now() - toldAtMs >= TELL_EVERY_MS) {
        toldAtMs = performance.now();
        logger.warn({ topic, err: error }, `${topic} cannot be read just now: ${reasonOf(error)}`);
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      await directory.refresh().catch(() => {}); // the next attempt tells
    }
  }
}

/** Waits for all, then throws the first error: one leader that is away does not keep what the others have brought. */
async function settled(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}
