import { type Append, type AppendBatch, halves, type ProduceMessage } from './append-batch.ts';
import { MAX_BATCH_BYTES } from './prepare-topics.ts';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/**
 * What waits to be appended to one partition. Its first batch stays the first until it is settled, however often it is
 * sent: so the records of a key are in the log in the order of the calls.
 */
export class AppendLane {
  readonly topic: string;
  readonly partition: number;
  readonly #queue: AppendBatch[] = [];
  #failures = 0;
  /** Epoch ms before which it is not to be sent again. */
  retryAt = 0;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  add(append: Append, message: ProduceMessage, bytes: number): void {
    let batch = this.#queue.at(-1);
    if (!batch || batch.sent || batch.bytes + bytes > MAX_BATCH_BYTES) {
      batch = { segments: [], bytes: 0, sent: false };
      this.#queue.push(batch);
    }
    let segment = batch.segments.at(-1);
    if (segment?.append !== append) {
      segment = { append, messages: [] };
      batch.segments.push(segment);
      append.open++;
    }
    segment.messages.push(message);
    batch.bytes += bytes;
  }

  /** The batch to send next; it must not be empty. */
  first(): AppendBatch {
    const batch = this.#queue[0] as AppendBatch;
    batch.sent = true;
    return batch;
  }

  /** The first batch was answered, whatever the answer: it is not sent again. */
  settleFirst(done: (append: Append) => void): void {
    const batch = this.#queue.shift();
    this.#failures = 0;
    this.retryAt = 0;
    for (const { append } of batch?.segments ?? []) {
      append.open--;
      done(append);
    }
  }

  /** The first batch is to be sent again, after a pause that grows. */
  postpone(now: number): void {
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    this.retryAt = now + pause * (0.8 + 0.4 * Math.random());
  }

  /** Sends the first batch in two parts; false if it is of one record. */
  splitFirst(): boolean {
    const parts = halves(this.#queue[0] as AppendBatch);
    if (parts) this.#queue.splice(0, 1, ...parts);
    return parts !== undefined;
  }

  /** Takes out what failed appends have in it. Not while the first batch is being sent. */
  dropFailed(done: (append: Append) => void): void {
    for (const batch of this.#queue) {
      for (const { append } of batch.segments.filter((segment) => segment.append.failed)) {
        append.open--;
        done(append);
      }
      batch.segments = batch.segments.filter((segment) => !segment.append.failed);
    }
    const kept = this.#queue.filter(({ segments }) => segments.length > 0);
    this.#queue.splice(0, this.#queue.length, ...kept);
  }
}
