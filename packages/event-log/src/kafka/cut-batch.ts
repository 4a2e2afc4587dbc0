import type { LogBatch, LogRecord } from '../event-log.ts';
import type { FetchedBatch } from './kafka-session.ts';
import { toLogRecord } from './log-record.ts';

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
  let firstOffset = from;
  let i = 0;
  while (i < messages.length) {
    const records: LogRecord[] = [];
    let bytes = 0;
    for (; i < messages.length && records.length < maxRecords; i++) {
      const message = messages[i] as FetchedBatch['messages'][number];
      if (message.unreadable) break;
      const size = (message.key?.length ?? 0) + (message.value?.length ?? 0);
      if (records.length > 0 && bytes + size > maxBytes) break;
      const record = toLogRecord(message);
      if (record.offset < from) continue;
      records.push(record);
      bytes += size;
    }
    const last = records.at(-1);
    if (!last) return;
    // After the last record there may be some that are not handed over: markers, and what was aborted.
    const nextOffset = i < messages.length ? last.offset + 1 : Number(fetched.lastOffset()) + 1;
    yield { topic, partition, records, firstOffset, nextOffset, endOffset: Math.max(endOffset, nextOffset) };
    firstOffset = nextOffset;
  }
}
