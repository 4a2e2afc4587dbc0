import fetchV11 from 'kafkajs/src/protocol/requests/fetch/v11/response.js';
import type { BatchRecord } from './batch-record.ts';
import { batchEnd, type DecodedBatch, decodeRecordBatch, firstOffsetOf } from './decode-record-batch.ts';
import { reasonOf } from './within.ts';

/** Records are in the log, and cannot be read: damaged, or written in a way that is not known here. */
export class UnreadableRecordsError extends Error {
  override readonly name = 'UnreadableRecordsError';
}

/**
 * The records of one batch, in the form of one of kafkajs' messages: what it does with each message, it does once a batch.
 * Records of transactions that were aborted, and Kafka's marks, are left out; a batch of which none remain is called a
 * control record, of which kafkajs hands on only the offset, so that the reading gets past it.
 */
export interface FetchedMessages {
  records: readonly BatchRecord[];
  /** After the batch, whatever is left of it. */
  nextOffset: number;
  /** Then it stands for all from here on, which must not be passed over. */
  unreadable?: UnreadableRecordsError;
  /** Of the batch's last record. */
  offset: string;
  isControlRecord: boolean;
  timestamp: '0';
  key: null;
  value: null;
}

/** What a broker answers for one partition. */
export interface FetchedPartition {
  partition: number;
  errorCode: number;
  /** -1 where the broker does not tell. */
  highWatermark: string;
  lastStableOffset: string;
  lastStartOffset: string;
  /** None for kafkajs: they have been left out. */
  abortedTransactions: never[];
  preferredReadReplica: number;
  messages: FetchedMessages[];
}

/** The answer to a fetch, as kafkajs' own decoder gives it, but for the messages. */
export interface FetchAnswer {
  throttleTime: number;
  clientSideThrottleTime: number;
  errorCode: number;
  sessionId: number;
  responses: { topicName: string; partitions: FetchedPartition[] }[];
}

interface AbortedTransaction {
  producerId: string;
  firstOffset: number;
}

/**
 * Decodes the answer to a fetch (version 11, the newest that kafkajs speaks), a message a record batch. Where one cannot be
 * read, a message with the error stands for it and for all after it; what came before, and the other partitions,
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
    const partitions: FetchedPartition[] = [];
    for (let left = reader.int32(); left > 0; left--) partitions.push(await decodePartition(reader));
    responses.push({ topicName, partitions });
  }
  // The broker has throttled already if it says 0 here, and else expects the client to do so.
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses };
}

async function decodePartition(reader: AnswerReader): Promise<FetchedPartition> {
  const data = {
    partition: reader.int32(),
    errorCode: reader.int16(),
    highWatermark: reader.int64(),
    lastStableOffset: reader.int64(),
    lastStartOffset: reader.int64(),
    abortedTransactions: [],
  };
  const aborted: AbortedTransaction[] = [];
  for (let left = reader.int32(); left > 0; left--) {
    aborted.push({ producerId: reader.int64(), firstOffset: Number(reader.int64()) });
  }
  const preferredReadReplica = reader.int32();
  const messages = await decodeBatches(reader.take(reader.int32()), aborted);
  return { ...data, preferredReadReplica, messages };
}

async function decodeBatches(bytes: Buffer, aborted: AbortedTransaction[]): Promise<FetchedMessages[]> {
  const messages: FetchedMessages[] = [];
  const leaveOut = withoutAborted(aborted);
  for (let start = 0; start < bytes.length; ) {
    try {
      const end = batchEnd(bytes, start);
      if (end === undefined) {
        // The answer is cut at a size, the last batch with it; but the first one always comes whole.
        if (start === 0) throw new Error('the batch is not there as a whole');
        break;
      }
      const batch = await decodeRecordBatch(bytes.subarray(start, end));
      messages.push(fetchedMessages(leaveOut(batch), batch.lastOffset));
      start = end;
    } catch (error) {
      messages.push(unreadable(bytes.length < start + 8 ? undefined : firstOffsetOf(bytes, start), error));
      break;
    }
  }
  return messages;
}

/** Of batches in order, the records to be handed on: a producer's from the first of an aborted transaction on are not, up to its mark. */
function withoutAborted(aborted: AbortedTransaction[]): (batch: DecodedBatch) => readonly BatchRecord[] {
  const waiting = aborted.sort((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<string>();
  return ({ lastOffset, producerId, inTransaction, isControl, records }) => {
    for (let next = waiting[0]; next && next.firstOffset <= lastOffset; next = waiting[0]) {
      aborting.add(next.producerId);
      waiting.shift();
    }
    if (isControl) aborting.delete(producerId);
    return isControl || (inTransaction && aborting.has(producerId)) ? [] : records;
  };
}

function fetchedMessages(records: readonly BatchRecord[], lastOffset: number): FetchedMessages {
  return {
    records,
    nextOffset: lastOffset + 1,
    offset: String(lastOffset),
    isControlRecord: records.length === 0,
    timestamp: '0',
    key: null,
    value: null,
  };
}

/** Its offset is such that it is not passed over, whatever was asked for. */
function unreadable(offset: number | undefined, cause: unknown): FetchedMessages {
  const batch = offset === undefined ? 'the record batch' : `the record batch at offset ${offset}`;
  return {
    ...fetchedMessages([], Number.MAX_SAFE_INTEGER),
    unreadable: new UnreadableRecordsError(`${batch} cannot be read: ${reasonOf(cause)}`, { cause }),
    nextOffset: offset ?? 0,
    isControlRecord: false,
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
