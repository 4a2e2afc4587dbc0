import { type Append, type AppendBatch, halves, type Segment, withoutFailed } from './append-batch.ts';
import type { ChunkPool } from './chunk-pool.ts';
import { MAX_BATCH_BYTES } from './prepare-topics.ts';
import { type ProduceMessage, RecordBytes } from './record-bytes.ts';

/** A batch that is still added to. */
interface OpenBatch extends AppendBatch {
  segments: Segment[];
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;

/**
 * What waits to be appended to one partition. Its first batch stays the first until it is settled, however often it is
 * sent: so the records of a key are in the log in the order of the calls.
 */
export class AppendLane {
  readonly topic: string;
  readonly partition: number;
  readonly #pool: ChunkPool;
  readonly #queue: AppendBatch[] = [];
  /** The last of the queue, until it is sent. */
  #last: OpenBatch | undefined;
  #failures = 0;
  /** Epoch ms before which it is not to be sent again. */
  retryAt = 0;

  constructor(topic: string, partition: number, pool: ChunkPool) {
    this.topic = topic;
    this.partition = partition;
    this.#pool = pool;
  }

  get empty(): boolean {
    return this.#queue.length === 0;
  }

  /** Of the batch to send next. */
  get firstBytes(): number {
    return this.#queue[0]?.records.bytes ?? 0;
  }

  /**
   * Copies a record into the last batch.
   * @param bytes what it counts, which is no less than what it takes
   */
  add(append: Append, message: ProduceMessage, bytes: number): void {
    let batch = this.#last;
    if (!batch || batch.sent || batch.records.bytes + bytes > MAX_BATCH_BYTES) {
      batch = { segments: [], records: new RecordBytes(this.#pool), sent: false, astray: false };
      this.#last = batch;
      this.#queue.push(batch);
    }
    const segment = batch.segments.at(-1);
    if (segment?.append === append) {
      segment.count++;
    } else {
      batch.segments.push({ append, count: 1 });
      append.open++;
    }
    batch.records.add(message);
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
    if (!batch) return;
    for (const { append } of batch.segments) {
      append.open--;
      done(append);
    }
    if (!batch.astray) batch.records.release();
  }

  /** The first batch is to be sent again, after a pause that grows. */
  postpone(now: number): void {
    const [first] = this.#queue;
    if (first?.sent) first.astray = true;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    this.retryAt = now + pause * (0.8 + 0.4 * Math.random());
  }

  /** Sends the first batch in two parts; false if it is of one record. */
  splitFirst(): boolean {
    const parts = halves(this.#queue[0] as AppendBatch, this.#pool);
    if (parts) this.#queue.splice(0, 1, ...parts);
    return parts !== undefined;
  }

  /** Takes out what failed appends have in it. Not while the first batch is being sent. */
  dropFailed(done: (append: Append) => void): void {
    for (const { segments } of this.#queue) {
      for (const { append } of segments) {
        if (!append.failed) continue;
        append.open--;
        done(append);
      }
    }
    const kept = this.#queue
      .map((batch) => withoutFailed(batch, this.#pool))
      .filter(({ records }) => records.count > 0);
    this.#queue.splice(0, this.#queue.length, ...kept);
    this.#last = undefined; // it may be another now, and what comes can begin its own
  }
}
