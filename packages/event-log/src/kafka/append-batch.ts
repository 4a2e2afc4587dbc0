/** One call of `append`, until all its records are settled. */
export interface Append {
  /** What it counts for as long as any of its records may still be sent. */
  readonly bytes: number;
  /** Number of segments not settled yet. */
  open: number;
  /** The caller has been told that it failed: what was not sent yet is dropped. */
  failed: boolean;
  resolve(): void;
  reject(error: Error): void;
  /** When the caller is told that it failed, ms of a clock that never goes back. */
  readonly expiresAt: number;
}

/** A record as it is encoded. */
export interface ProduceMessage {
  key: Buffer;
  value: Buffer;
  /** As `encodeHeaders` makes them. */
  headers: Buffer;
}

/** The records of one append in a batch. */
export interface Segment {
  readonly append: Append;
  readonly messages: ProduceMessage[];
}

/** What is sent of a partition at once, and answered as one. */
export interface AppendBatch {
  segments: Segment[];
  bytes: number;
  /** From then on nothing is added: the broker may have it already. */
  sent: boolean;
}

/** A batch on its way to the leader of its partition. */
export interface PartitionBatch {
  topic: string;
  partition: number;
  batch: AppendBatch;
}

/** Varints, attributes and the like, of a record; a little more than it can be. */
const RECORD_OVERHEAD = 32;

/** What a record counts. */
export function bytesOf({ key, value, headers }: ProduceMessage): number {
  return RECORD_OVERHEAD + key.length + value.length + headers.length;
}

export function messagesOf({ segments }: AppendBatch): ProduceMessage[] {
  const [only] = segments;
  if (segments.length === 1 && only) return only.messages;
  const all: ProduceMessage[] = [];
  for (const { messages } of segments) for (const message of messages) all.push(message); // `flatMap` takes four times as long
  return all;
}

/** Two batches with the records of one, in their order; undefined if it holds a single record. */
export function halves(batch: AppendBatch): [AppendBatch, AppendBatch] | undefined {
  const total = batch.segments.reduce((sum, { messages }) => sum + messages.length, 0);
  if (total < 2) return undefined;
  const first: AppendBatch = { segments: [], bytes: batch.bytes / 2, sent: true };
  const second: AppendBatch = { segments: [], bytes: batch.bytes / 2, sent: true };
  let wanted = total >> 1;
  for (const { append, messages } of batch.segments) {
    const here = Math.min(wanted, messages.length);
    wanted -= here;
    if (here > 0) first.segments.push({ append, messages: messages.slice(0, here) });
    if (here < messages.length) second.segments.push({ append, messages: messages.slice(here) });
    if (here > 0 && here < messages.length) append.open++;
  }
  return [first, second];
}
