import type { Lease } from '@wayline/event-log';
import {
  type BatchWriter,
  classifyStoreError,
  type PartitionBatch,
  PositionMovedError,
  type StoredCounts,
} from '@wayline/store';
import type { WorkerLogger } from './worker-logger.ts';

export interface SchedulerSettings {
  /** Rows of one transaction, over all its partitions; a single partition's batch may hold more. */
  maxRows: number;
  /** How long a first batch waits for others to join its transaction, ms; none while one is being written. */
  lingerMs: number;
  /** Transactions in flight, over different partitions. */
  concurrency: number;
}

export interface SchedulerOptions {
  writer: Pick<BatchWriter, 'write' | 'forget'>;
  /** The stored position of a partition, read afresh. */
  readNextOffset(batch: PartitionBatch): Promise<number>;
  settings: SchedulerSettings;
  logger: WorkerLogger;
  /** Told after each commit. */
  onStored(batches: readonly PartitionBatch[], counts: readonly StoredCounts[]): void;
}

interface Submission {
  batch: PartitionBatch;
  signal: AbortSignal;
  resolve(nextOffset: number): void;
  reject(error: unknown): void;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Joins the batches of several partitions into transactions, and sees each through: what is transient is waited out for
 * as long as the partition is held; a row that can never succeed is found by halving and dead-lettered alone.
 */
export class BatchScheduler {
  readonly #options: SchedulerOptions;
  #waiting: Submission[] = [];
  #inFlight = 0;
  #linger: NodeJS.Timeout | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the offset to go on from once the batch is stored, or once its partition's stored position turned out
   * to be elsewhere. Rejects when the lease ends before that, or at an error that is no fault of PostgreSQL.
   */
  submit(batch: PartitionBatch, lease: Lease): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch, signal: lease.signal, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    const { settings } = this.#options;
    if (this.#inFlight >= settings.concurrency || this.#waiting.length === 0) return;
    const rows = this.#waiting.reduce((sum, { batch }) => sum + batch.records.length, 0);
    if (rows >= settings.maxRows || this.#inFlight > 0) this.#startNext();
    else this.#linger ??= setTimeout(() => this.#startNext(), settings.lingerMs);
  }

  #startNext(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const group = this.#takeGroup();
    if (group.length === 0) return;
    this.#inFlight++;
    this.#settle(group)
      .catch((error: unknown) => {
        for (const { reject } of group) reject(error); // those that are settled already do not mind
      })
      .finally(() => {
        this.#inFlight--;
        this.#schedule();
      });
    this.#schedule();
  }

  #takeGroup(): Submission[] {
    let rows = 0;
    let taken = 0;
    for (const { batch } of this.#waiting) {
      if (taken > 0 && rows + batch.records.length > this.#options.settings.maxRows) break;
      rows += batch.records.length;
      taken++;
    }
    return this.#waiting.splice(0, taken);
  }

  /** Sees a group through; settles every submission of it. */
  async #settle(group: readonly Submission[]): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      const held = group.filter(({ signal, reject }) => {
        if (signal.aborted) reject(signal.reason);
        return !signal.aborted;
      });
      if (held.length === 0) return;
      const error = await this.#tryWrite(held);
      if (error === undefined) return;
      // A connection lost during COMMIT may have committed: then positions have moved, and writing again says so.
      if (error instanceof PositionMovedError) {
        if (held.length > 1) return this.#oneByOne(held);
        return this.#followPosition(held[0] as Submission);
      }
      if (classifyStoreError(error) === 'data') {
        if (held.length > 1) return this.#oneByOne(held);
        return this.#isolate(held[0] as Submission, error);
      }
      const partitions = held.map(({ batch }) => `${batch.topic}/${batch.partition}`);
      this.#options.logger.warn(
        { err: error, partitions, pauseMs },
        'PostgreSQL did not take a batch; it is tried again',
      );
      this.#options.writer.forget();
      await pause(
        pauseMs,
        held.map(({ signal }) => signal),
      );
    }
  }

  async #tryWrite(group: readonly Submission[]): Promise<unknown> {
    const batches = group.map(({ batch }) => batch);
    let counts: StoredCounts[];
    try {
      counts = await this.#options.writer.write(batches);
    } catch (error) {
      return error ?? new Error('unknown error');
    }
    this.#options.onStored(batches, counts);
    for (const { batch, resolve } of group) resolve(batch.nextOffset);
    return undefined;
  }

  async #oneByOne(group: readonly Submission[]): Promise<void> {
    for (const submission of group) await this.#settle([submission]);
  }

  async #followPosition({ batch, resolve, signal }: Submission): Promise<void> {
    const { logger, readNextOffset } = this.#options;
    const nextOffset = await readNextOffset(batch);
    const { topic, partition, firstOffset } = batch;
    if (!signal.aborted && nextOffset !== batch.nextOffset) {
      logger.warn(
        { topic, partition, firstOffset, nextOffset },
        'the stored position was elsewhere; reading goes on from it',
      );
    }
    resolve(nextOffset);
  }

  /** Halves the batch until the record is alone that PostgreSQL refuses; each half is a transaction of its own. */
  async #isolate(submission: Submission, error: unknown): Promise<void> {
    const { batch, signal } = submission;
    const { records } = batch;
    if (records.length > 1) {
      const middle = Math.ceil(records.length / 2);
      const boundary = (records[middle] as (typeof records)[number]).offset;
      for (const part of [
        { ...batch, nextOffset: boundary, records: records.slice(0, middle) },
        { ...batch, firstOffset: boundary, records: records.slice(middle) },
      ]) {
        const reached = await new Promise<number>((resolve, reject) => {
          this.#settle([{ batch: part, signal, resolve, reject }]).catch(reject);
        });
        if (reached !== part.nextOffset) return submission.resolve(reached);
      }
      return submission.resolve(batch.nextOffset);
    }
    const [record] = records;
    if (!record || !('store' in record.verdict)) throw error;
    const detail = `PostgreSQL: ${(error as Error).message}`;
    this.#options.logger.error(
      { err: error, topic: batch.topic, partition: batch.partition, offset: record.offset },
      'a row can never be stored; it becomes a dead letter',
    );
    const { eventId, sessionId } = record.verdict.store.event;
    const deadLetter = { code: 'unstorable', detail, eventId, sessionId };
    return this.#settle([{ ...submission, batch: { ...batch, records: [{ ...record, verdict: { deadLetter } }] } }]);
  }
}

/** Ends early when every partition of the group was lost. */
function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener('abort', check);
      resolve();
    };
    const check = () => {
      if (signals.every((signal) => signal.aborted)) done();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals) signal.addEventListener('abort', check);
    check();
  });
}
