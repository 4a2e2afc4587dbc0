import errors from 'kafkajs/src/protocol/error.js';
import type { LogPosition, LogRecord } from '../event-log.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import { type FetchedMessage, toLogRecord } from './log-record.ts';
import { readRanges, withFreshLeaders } from './read-ranges.ts';

const OFFSET_OUT_OF_RANGE = 1;
const READ_COMMITTED = 1;

interface FetchAnswer {
  responses: {
    partitions: {
      partition: number;
      errorCode: number;
      /** -1 where the broker does not tell. */
      highWatermark: string;
      messages: (FetchedMessage & {
        isControlRecord: boolean;
        batchContext: { firstOffset: string; lastOffsetDelta: number; producerId: string; inTransaction: boolean };
      })[];
      abortedTransactions: { producerId: string; firstOffset: string }[] | null;
    }[];
  }[];
}

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
    const { messages } = fetched;
    const aborted = abortedOffsets(fetched);
    const found = messages.find(
      (message) => Number(message.offset) >= offset && !message.isControlRecord && !aborted.has(message.offset),
    );
    if (found) return toLogRecord(found);
    const { firstOffset, lastOffsetDelta } = messages.at(-1)?.batchContext ?? { firstOffset: -1, lastOffsetDelta: 0 };
    const next = Number(firstOffset) + lastOffsetDelta + 1; // not that of the last record: compaction may have taken more
    if (next <= offset) return undefined; // nothing there yet
    offset = next;
  }
}

/** What a broker answers for one partition, as kafkajs decodes it. */
export type FetchedPartition = FetchAnswer['responses'][number]['partitions'][number];

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

/** A producer's records from the first of an aborted transaction on, to the marker that ends it. */
export function abortedOffsets({ messages, abortedTransactions }: FetchedPartition): Set<string> {
  const offsets = new Set<string>();
  const waiting = [...(abortedTransactions ?? [])].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset));
  const aborting = new Set<string>();
  for (const { offset, isControlRecord, batchContext } of messages) {
    while (waiting[0] && Number(waiting[0].firstOffset) <= Number(offset)) {
      aborting.add((waiting.shift() as { producerId: string }).producerId);
    }
    if (isControlRecord) aborting.delete(batchContext.producerId);
    else if (batchContext.inTransaction && aborting.has(batchContext.producerId)) offsets.add(offset);
  }
  return offsets;
}
