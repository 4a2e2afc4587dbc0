import errors from 'kafkajs/src/protocol/error.js';
import type { LogPosition, LogRecord } from '../event-log.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import type { FetchAnswer, FetchedPartition } from './decode-fetch.ts';
import { readRanges, withFreshLeaders } from './read-ranges.ts';

const OFFSET_OUT_OF_RANGE = 1;
const READ_COMMITTED = 1;

/** The first record at or after the position: one request, unless what stands there is of aborted transactions. */
export async function peekRecord(
  directory: BrokerDirectory,
  { topic, partition, offset: from }: LogPosition,
  partitions: number,
): Promise<LogRecord | undefined> {
  for (let offset = from; ; ) {
    const fetched = await fetchBatch(directory, { topic, partition, offset });
    if (fetched.errorCode === OFFSET_OUT_OF_RANGE) {
      const { start = 0 } = (await readRanges(directory, topic, partitions))[partition] ?? {};
      if (offset >= start) return undefined; // beyond the end
      offset = start;
      continue;
    }
    const last = fetched.messages.at(-1);
    for (const { records } of fetched.messages) {
      const found = records.find((record) => record.offset >= offset);
      if (found) return found;
    }
    if (last?.unreadable) throw last.unreadable;
    if (last === undefined || last.nextOffset <= offset) return undefined; // nothing there yet
    offset = last.nextOffset;
  }
}

const fetchBatch = (directory: BrokerDirectory, { topic, partition, offset }: LogPosition): Promise<FetchedPartition> =>
  withFreshLeaders(directory, async () => {
    const leader = directory.leader(topic, partition);
    if (leader === undefined) throw new Error(`partition ${partition} of ${topic} has no leader`);
    const answer = await directory.to(leader, 'ask').request<FetchAnswer>('Fetch', {
      maxWaitTime: 0,
      minBytes: 1,
      maxBytes: 1, // the broker gives one whole batch nevertheless
      isolationLevel: READ_COMMITTED,
      topics: [{ topic, partitions: [{ partition, fetchOffset: offset, maxBytes: 1 }] }],
    });
    const fetched = answer.responses[0]?.partitions[0];
    if (!fetched) throw new Error(`no answer for partition ${partition} of ${topic}`);
    if (fetched.errorCode !== 0 && fetched.errorCode !== OFFSET_OUT_OF_RANGE) {
      throw errors.createErrorFromCode(fetched.errorCode);
    }
    return fetched;
  });
