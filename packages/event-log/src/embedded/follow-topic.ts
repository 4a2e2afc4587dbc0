import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FollowOptions, type LogFollower, LogSetupError } from '../event-log.ts';
import { createFollowerState } from '../follower-state.ts';
import type { LogFile } from './log-file.ts';
import { createCursor, type Partition } from './partition.ts';

export interface FollowTopicOptions extends FollowOptions {
  file: LogFile;
  partitions: readonly Partition[];
}

const AT_ONCE = { records: 1000, bytes: 1024 * 1024 };

/** Follows a topic of this process's own log: appends wake it, so nothing is ever on its way for long. */
export function followTopic({ file, partitions, topic, onRecord }: FollowTopicOptions): LogFollower {
  const state = createFollowerState({ topic, partitions: partitions.length, onRecord });
  const { follower, signal } = state;
  const atEnd = new Set<Partition>();

  async function follow(partition: Partition): Promise<void> {
    const cursor = createCursor(file, partition);
    await nextTurn(); // nothing comes before the caller has the follower in hand
    let next = partition.start;
    while (!signal.aborted) {
      if (next < partition.start) next = partition.start;
      if (next === partition.end) {
        state.readTo(partition.partition, next, true);
        atEnd.add(partition);
        await untilMore(partition, signal);
        atEnd.delete(partition);
        continue;
      }
      const records = cursor.read(next, AT_ONCE);
      const last = records.at(-1);
      if (!last) {
        // Trimmed between the two looks: the start has moved.
        if (next < partition.start) continue;
        throw new LogSetupError(
          `The event log lacks ${topic}, partition ${partition.partition}, from offset ${next} on`,
        );
      }
      for (const record of records) state.hand(record, partition.partition);
      next = last.offset + 1;
      state.readTo(partition.partition, next, next === partition.end);
      await nextTurn(); // a long topic must not keep all else from happening
    }
  }

  for (const partition of partitions) {
    state.expect(partition.partition, partition.end);
    follow(partition).catch((error: unknown) => state.fail(error));
  }
  return {
    ...follower,
    heardAtMs: () => (atEnd.size === partitions.length ? Date.now() : follower.heardAtMs()),
  };
}

/** Resolves at the next append to the partition, or when the follower ends. */
function untilMore({ waiting }: Partition, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      waiting.delete(wake);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    waiting.add(wake);
    signal.addEventListener('abort', wake);
  });
}
