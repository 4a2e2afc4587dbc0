import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeOptions, Lease, LogBatch, LogLogger } from '../event-log.ts';
import { LogSetupError } from '../event-log.ts';
import type { LogFile } from './log-file.ts';
import { createCursor, type Partition, rangeOf } from './partition.ts';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** At most, whatever is asked for: of every partition one may be in hand at a time. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;

export interface ReadPartitionOptions {
  file: LogFile;
  partition: Partition;
  lease: Lease;
  consume: ConsumeOptions;
  logger?: LogLogger;
}

/** Resolves when the partition's end has passed the offset, or the lease ends. */
function untilMore(partition: Partition, offset: number, { signal }: Lease): Promise<void> {
  if (partition.end > offset || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = () => {
      partition.waiting.delete(wake);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    partition.waiting.add(wake);
    signal.addEventListener('abort', wake);
  });
}

const untilAborted = ({ signal }: Lease): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

/**
 * Hands over one partition, batch after batch, while the lease lasts: `begin` says from where, each answer of `handle`
 * where to go on. Resolves once the lease has ended and no call is in hand; rejects if the file is damaged.
 */
export async function readPartition(options: ReadPartitionOptions): Promise<void> {
  const { file, partition, lease, consume, logger } = options;
  const { topic, partition: number } = partition;
  const limit = {
    records: consume.maxRecords ?? 2500,
    bytes: Math.min(consume.maxBytes ?? Number.POSITIVE_INFINITY, MAX_BATCH_BYTES),
  };
  const cursor = createCursor(file, partition);
  let pauseMs = FIRST_PAUSE_MS;
  const pause = async () => {
    await sleep(pauseMs, undefined, { signal: lease.signal }).catch(() => {});
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  };
  const tell = (error: unknown, what: string) =>
    logger?.warn({ err: error, topic, partition: number, group: consume.group }, what);

  let offset: number | undefined;
  while (!lease.signal.aborted) {
    if (offset !== undefined && (offset < partition.start || offset > partition.end)) {
      tell(undefined, `The offset ${offset} is outside of what the log has: asked anew where to begin`);
      offset = undefined;
      await pause();
    } else if (offset === undefined) {
      try {
        const answer = await consume.begin(rangeOf(partition), lease);
        if ('stop' in answer) {
          logger?.warn(
            { topic, partition: number, group: consume.group, reason: answer.stop },
            'The partition is stopped',
          );
          await untilAborted(lease);
        } else offset = answer.offset;
      } catch (error) {
        if (!lease.signal.aborted) tell(error, 'Where to begin could not be found out, and is asked again');
        await pause();
      }
    } else if (offset === partition.end) {
      await untilMore(partition, offset, lease);
    } else {
      const batch = readBatch(offset);
      try {
        offset = await consume.handle(batch, lease);
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        if (!lease.signal.aborted) tell(error, 'A batch could not be handled, and is handed over again');
        offset = undefined;
        await pause();
      }
      await nextTurn(); // a handler that never waits must not keep all else from happening
    }
  }

  function readBatch(firstOffset: number): LogBatch {
    const endOffset = partition.end;
    const records = cursor.read(firstOffset, limit);
    const last = records.at(-1);
    if (!last)
      throw new LogSetupError(`The event log lacks ${topic}, partition ${number}, from offset ${firstOffset} on`);
    return { topic, partition: number, records, firstOffset, nextOffset: last.offset + 1, endOffset };
  }
}
