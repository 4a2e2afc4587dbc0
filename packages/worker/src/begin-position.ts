import type { BeginAnswer, EventLog, PartitionRange } from '@wayline/event-log';
import { ensurePosition, type Pool, recordChecksum, skipExpired } from '@wayline/store';
import type { WorkerLogger } from './worker-logger.ts';

export interface BeginOptions {
  log: EventLog;
  pool: Pool;
  group: string;
  logger: WorkerLogger;
}

/**
 * Where a partition's reading begins: at the stored position, held against the log as it is. Without a stored
 * position, at the start of the log. Where the position is before the start, records have expired unread: their number
 * is booked, and said loudly. Where it is after the end, or the record before it is another one, this is not
 * the log that the position was taken in: the partition stops until an operator decides.
 */
export async function beginPosition(
  { log, pool, group, logger }: BeginOptions,
  range: PartitionRange,
): Promise<BeginAnswer> {
  const { topic, partition, start, end } = range;
  const key = { logId: log.id, group, topic, partition };
  const stored = await ensurePosition(pool, key, start);
  const { nextOffset, lastOffset, lastChecksum } = stored;
  if (nextOffset > end) {
    const reason = `the stored position ${nextOffset} lies after the end ${end} of the log: was the topic made again?`;
    logger.error(
      { topic, partition, nextOffset, start, end },
      `partition stopped: ${reason} Start a new generation of the log.`,
    );
    return { stop: reason };
  }
  if (nextOffset < start) {
    if (!(await skipExpired(pool, key, { from: nextOffset, to: start })))
      return beginPosition({ log, pool, group, logger }, range);
    logger.error(
      { topic, partition, from: nextOffset, to: start, expired: start - nextOffset },
      'records were deleted by the retention of the log before they were read; they are booked as expired',
    );
    return { offset: start };
  }
  if (lastOffset !== null && lastOffset >= start && lastOffset < end) {
    const record = await log.peek({ topic, partition, offset: lastOffset });
    if (record?.offset === lastOffset && recordChecksum(record) !== lastChecksum) {
      const reason = `the record at ${lastOffset} is not the one that was read there: was the topic made again?`;
      logger.error(
        { topic, partition, nextOffset, start, end },
        `partition stopped: ${reason} Start a new generation of the log.`,
      );
      return { stop: reason };
    }
  }
  return { offset: nextOffset };
}
