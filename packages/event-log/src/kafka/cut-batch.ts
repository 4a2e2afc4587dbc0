import type { LogBatch, LogRecord } from '../event-log.ts';
import type { FetchedBatch } from './kafka-session.ts';

/**
 * Cuts what was fetched into batches of at most `maxRecords` records and `maxBytes` bytes of keys and values, but one
 * record at least; lazily, so that nothing is made that is not handed over. What lies before `from` is left out, and so is
 * what cannot be read: the last batch then ends before it.
 */
export function* cutBatch(
  fetched: FetchedBatch,
  from: number,
  { maxRecords, maxBytes }: { maxRecords: number; maxBytes: number },
): Generator<LogBatch> {
  const { topic, partition, messages } = fetched;
  const endOffset = Number(fetched.highWatermark);
  const batchUntil = (records: readonly LogRecord[], nextOffset: number): LogBatch => ({
    ...{ topic, partition, records, firstOffset, nextOffset },
    endOffset: Math.max(endOffset, nextOffset),
  });
  let firstOffset = from;
  let records: LogRecord[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (message.unreadable) break;
    for (const record of message.records) {
      if (record.offset < from) continue;
      if (records.length > 0 && (records.length === maxRecords || bytes + record.size > maxBytes)) {
        const batch = batchUntil(records, (records.at(-1) as LogRecord).offset + 1);
        yield batch;
        firstOffset = batch.nextOffset;
        records = [];
        bytes = 0;
      }
      records.push(record);
      bytes += record.size;
    }
  }
  if (records.length === 0) return;
  const after = (records.at(-1) as LogRecord).offset + 1;
  // After the last record there may be some that are not handed over: markers, and what was aborted.
  yield batchUntil(records, messages.at(-1)?.unreadable ? after : Math.max(after, Number(fetched.lastOffset()) + 1));
}
