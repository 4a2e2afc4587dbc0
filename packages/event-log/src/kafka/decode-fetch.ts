import fetchV11 from 'kafkajs/src/protocol/requests/fetch/v11/response.js';
import { batchEnd, type DecodedMessage, decodeRecordBatch, firstOffsetOf } from './decode-record-batch.ts';
import { UnreadableRecordsError } from './log-record.ts';
import { reasonOf } from './within.ts';

interface FetchedPartitionData {
  partition: number;
  errorCode: number;
  highWatermark: string;
  lastStableOffset: string;
  lastStartOffset: string;
  abortedTransactions: { producerId: string; firstOffset: string }[];
  preferredReadReplica: number;
  messages: DecodedMessage[];
}

/** The answer to a fetch, as kafkajs' own decoder gives it. */
export interface FetchAnswer {
  throttleTime: number;
  clientSideThrottleTime: number;
  errorCode: number;
  sessionId: number;
  responses: { topicName: string; partitions: FetchedPartitionData[] }[];
}

/**
 * Decodes the answer to a fetch (version 11, the newest that kafkajs speaks). Where the records of a partition cannot be
 * read, one message with the error stands for them and for all after them; what came before, and the other partitions,
 * are as they should be. kafkajs' own decoder checks no checksum, takes some damage for the end of the answer, and at other
 * damage rejects the answer as a whole: no partition of the broker would be read any more.
 */
export async function decodeFetch(bytes: Buffer): Promise<FetchAnswer> {
  const reader = new AnswerReader(bytes);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  const sessionId = reader.int32();
  const responses: FetchAnswer['responses'] = [];
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topicName = reader.string();
    const partitions: FetchedPartitionData[] = [];
    for (let left = reader.int32(); left > 0; left--) partitions.push(await decodePartition(reader));
    responses.push({ topicName, partitions });
  }
  // The broker has throttled already if it says 0 here, and else expects the client to do so.
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

async function decodePartition(reader: AnswerReader): Promise<FetchedPartitionData> {
  const data: FetchedPartitionData = {
    partition: reader.int32(),
    errorCode: reader.int16(),
    highWatermark: reader.int64(),
    lastStableOffset: reader.int64(),
    lastStartOffset: reader.int64(),
    abortedTransactions: [],
    preferredReadReplica: -1,
    messages: [],
  };
  for (let left = reader.int32(); left > 0; left--) {
    data.abortedTransactions.push({ producerId: reader.int64(), firstOffset: reader.int64() });
  }
  data.preferredReadReplica = reader.int32();
  await decodeRecords(reader.take(reader.int32()), data.messages);
  return data;
}

async function decodeRecords(bytes: Buffer, messages: DecodedMessage[]): Promise<void> {
  for (let start = 0; start < bytes.length; ) {
    try {
      const end = batchEnd(bytes, start);
      if (end === undefined) {
        // The answer is cut at a size, the last batch with it; but the first one always comes whole.
        if (start === 0) throw new Error('the batch is not there as a whole');
        return;
      }
      await decodeRecordBatch(bytes.subarray(start, end), messages);
      start = end;
    } catch (error) {
      messages.push(unreadable(bytes.length < start + 8 ? undefined : firstOffsetOf(bytes, start), error));
      return;
    }
  }
}

function unreadable(offset: number | undefined, cause: unknown): DecodedMessage {
  const batch = offset === undefined ? 'the record batch' : `the record batch at offset ${offset}`;
  return {
    unreadable: new UnreadableRecordsError(`${batch} cannot be read: ${reasonOf(cause)}`, { cause }),
    offset: String(Number.MAX_SAFE_INTEGER), // so that it is not passed over, whatever was asked for
    timestamp: '0',
    key: null,
    value: null,
    isControlRecord: false,
    batchContext: { firstOffset: String(offset ?? -1), lastOffsetDelta: -1, producerId: '-1', inTransaction: false },
  };
}

class AnswerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  int16(): number {
    this.#at += 2;
    return this.#bytes.readInt16BE(this.#at - 2);
  }

  int32(): number {
    this.#at += 4;
    return this.#bytes.readInt32BE(this.#at - 4);
  }

  int64(): string {
    this.#at += 8;
    return String(this.#bytes.readBigInt64BE(this.#at - 8));
  }

  string(): string {
    return String(this.take(this.int16()));
  }

  take(length: number): Buffer {
    const start = this.#at;
    this.#at += Math.max(0, length); // -1 stands for nothing
    return this.#bytes.subarray(start, this.#at);
  }
}

/** Has kafkajs decode fetches by `decodeFetch` from now on; kafkajs keeps its decoders for the whole process. */
export function useOwnDecoder(): void {
  fetchV11.decode = decodeFetch;
}
