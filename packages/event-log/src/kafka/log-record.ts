import type { IHeaders } from 'kafkajs';
import type { LogRecord } from '../event-log.ts';

/** Records are in the log, and cannot be read: damaged, or written in a way that is not known here. */
export class UnreadableRecordsError extends Error {
  override readonly name = 'UnreadableRecordsError';
}

/** A record as kafkajs hands it on; of its declared types some are narrower than what Kafka may hold. */
export interface FetchedMessage {
  /** Then the message is no record: it stands for all from here on, which must not be passed over. */
  unreadable?: UnreadableRecordsError;
  offset: string;
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers?: IHeaders;
}

const NO_HEADERS: Readonly<Record<string, Buffer>> = Object.freeze({});

function headersOf(headers: IHeaders | undefined): Readonly<Record<string, Buffer>> {
  let result: Record<string, Buffer> | undefined;
  for (const name in headers) {
    const given = headers[name];
    const value = Array.isArray(given) ? given.at(-1) : given; // several of a name: the last
    result ??= Object.create(null) as Record<string, Buffer>; // a header may be called `__proto__`
    result[name] = typeof value === 'string' ? Buffer.from(value) : (value ?? Buffer.alloc(0));
  }
  return result ?? NO_HEADERS;
}

/** @throws UnreadableRecordsError where the message stands for records that cannot be read */
export function toLogRecord(message: FetchedMessage): LogRecord {
  if (message.unreadable) throw message.unreadable;
  return {
    offset: Number(message.offset),
    timeMs: Number(message.timestamp),
    key: message.key,
    value: message.value,
    headers: headersOf(message.headers),
  };
}
