import type { Lease } from '@wayline/event-log';
import {
  type BatchWriter,
  classifyStoreError,
  EventTable,
  type FailureClass,
  type JudgedRecord,
  type PartitionBatch,
  PositionMovedError,
  type StorableEvent,
  type StoredCounts,
} from '@wayline/store';
import { cutByHour, type UnjudgedBatch } from './batch-parts.ts';
import { BusyShare } from './busy-share.ts';
import { BACKLOG_RECORDS } from './intake.ts';
import { RejectionLimit } from './rejection-limit.ts';
import { ageOf, halve, type Job, limit, nextPart, unreadOf } from './scheduled-job.ts';
import type { Throttle } from './throttle.ts';
import type { WorkerLogger } from './worker-logger.ts';

/** What happens to a partition of which PostgreSQL refuses row after row. */
export interface RejectionSettings {
  /** After so many rows of a partition that PostgreSQL refused in a run, the partition stops: see `RejectionLimit`. */
  maxRejected: number;
  /** A stopped partition is tried again after so long, ms. */
  stoppedMs: number;
}

export interface SchedulerOptions<Batch extends UnjudgedBatch> {
  writer: Pick<BatchWriter, 'write' | 'forget'>;
  /**
   * What is to become of the records, always the same: asked each time that they are to be written.
   * @param table takes events, and it may take several turns of the event loop; without it they come with the records, at once
   */
  judge(batch: Batch): PartitionBatch;
  judge(batch: Batch, table: EventTable): PartitionBatch | Promise<PartitionBatch>;
  /** The stored position of a partition, read afresh. */
  readNextOffset(batch: UnjudgedBatch): Promise<number>;
  throttle: Throttle;
  rejections: RejectionSettings;
  logger: WorkerLogger;
  /** Told after each commit. */
  onStored(batches: readonly PartitionBatch[], counts: readonly StoredCounts[]): void;
}

/** Of a transaction's rows, so many are enough to begin with it. */
const FULL_SHARE = 0.75;
/** While so many are being written, the next waits for more rows, since what it writes beside them costs the same for few: for so many, or in a backlog until it is full. */
const ENOUGH_IN_FLIGHT = 2;
const ENOUGH_ROWS = 2_500;
const FILL_MS = 100;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** After so long the throttle is asked again, which may have been set otherwise meanwhile. */
const LONGEST_REST_MS = 1_000;
/** So often a batch is written again at once after a deadlock, a moment later each time. */
const AT_ONCE_TIMES = 5;
const MOMENT_MS = 10;

/**
 * Joins the batches of several partitions into transactions, and sees each through, by what `FAILURE_CLASSES` says of
 * its failures: what may pass is waited out for as long as the partition is held; a row that can never succeed is found
 * by halving and dead-lettered alone. Whoever waits holds no place of a transaction, and only the bytes of its records: what
 * is made of them, several times as large, lasts for the time of their transaction.
 */
export class BatchScheduler<Batch extends UnjudgedBatch> {
  readonly #options: SchedulerOptions<Batch>;
  readonly #rejections: RejectionLimit;
  /** Of transactions that are over: their memory is used again. */
  readonly #freeTables: EventTable[] = [];
  #waiting: Job<Batch>[] = [];
  #inFlight = 0;
  /** How much of the time transactions are in flight. */
  readonly busy = new BusyShare();
  #linger: NodeJS.Timeout | undefined;
  #resting: NodeJS.Timeout | undefined;

  constructor(options: SchedulerOptions<Batch>) {
    this.#options = options;
    this.#rejections = new RejectionLimit(options.rejections.maxRejected);
  }

  /** Whether there is a backlog: batches wait although as many transactions as may be are in flight, to fill one, or for a rest to end. */
  get isBehind(): boolean {
    if (this.#waiting.length === 0) return false;
    const isFilling = this.#inFlight >= ENOUGH_IN_FLIGHT && this.#hasBacklog;
    return this.#inFlight >= this.#options.throttle.concurrency || isFilling || this.#resting !== undefined;
  }

  /**
   * Resolves with the offset to go on from once the batch is stored, or once its partition's stored position turned out
   * to be elsewhere. Rejects when the lease ends before that, or at an error that is no fault of PostgreSQL.
   */
  submit(batch: Batch, lease: Lease): Promise<number> {
    return new Promise((resolve, reject) => {
      const end = () => {
        if (job.state !== 'writing') job.reject(lease.signal.reason);
      };
      const settling =
        <T>(settle: (outcome: T) => void) =>
        (outcome: T) => {
          job.state = 'settled';
          lease.signal.removeEventListener('abort', end);
          this.#waiting = this.#waiting.filter((other) => other !== job);
          settle(outcome);
        };
      const job: Job<Batch> = {
        parts: cutByHour(batch),
        aside: undefined,
        lease,
        state: 'waiting',
        failures: 0,
        alone: false,
        stopped: false,
        resolve: settling(resolve),
        reject: settling(reject),
      };
      lease.signal.addEventListener('abort', end);
      this.#enqueue(job);
    });
  }

  #enqueue(job: Job<Batch>): void {
    if (job.lease.signal.aborted) {
      job.reject(job.lease.signal.reason);
      return;
    }
    job.state = 'waiting';
    this.#waiting.push(job);
    this.#schedule();
  }

  #schedule(): void {
    const { throttle } = this.#options;
    const { maxRows, settings } = throttle;
    if (this.#inFlight >= throttle.concurrency || this.#waiting.length === 0 || this.#resting) return;
    const restMs = throttle.waitMs(performance.now());
    if (restMs > 0) {
      this.#rest(Math.min(restMs, LONGEST_REST_MS));
      return;
    }
    const lingerMs = this.#inFlight > 0 ? FILL_MS : settings.lingerMs - ageOf(this.#waiting);
    if (this.#waitingRows >= FULL_SHARE * maxRows || (this.#inFlight > 0 && !this.#mayFill)) this.#startNext();
    else this.#linger ??= setTimeout(() => this.#lingered(), lingerMs);
  }

  /** The throttle may have become narrower meanwhile: then the next begins when there is room again. */
  #lingered(): void {
    this.#stopLinger();
    if (this.#inFlight < this.#options.throttle.concurrency) this.#startNext();
  }

  /** Whether what waits may wait for more: there is enough to do meanwhile, and it is little, or more is to come. */
  get #mayFill(): boolean {
    return this.#inFlight >= ENOUGH_IN_FLIGHT && (this.#waitingRows < ENOUGH_ROWS || this.#hasBacklog);
  }

  /** Of the partitions of what waits, in the log. */
  get #hasBacklog(): boolean {
    return unreadOf(this.#waiting) >= BACKLOG_RECORDS;
  }

  get #waitingRows(): number {
    return this.#waiting.reduce((sum, job) => sum + nextPart(job).records.length, 0);
  }

  #rest(ms: number): void {
    this.#stopLinger();
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      this.#schedule();
    }, ms);
  }

  #stopLinger(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
  }

  #startNext(): void {
    this.#stopLinger();
    const group = this.#takeGroup();
    if (group.length === 0) return;
    this.#inFlight++;
    this.busy.begin();
    this.#write(group)
      .catch((error: unknown) => {
        for (const job of group) if (job.state === 'writing') job.reject(error);
      })
      .finally(() => {
        this.#inFlight--;
        this.busy.end();
        if (this.#inFlight < ENOUGH_IN_FLIGHT) this.#stopLinger();
        this.#schedule();
      });
    this.#schedule();
  }

  #takeGroup(): Job<Batch>[] {
    const { maxRows } = this.#options.throttle;
    const [first] = this.#waiting;
    if (!first) return [];
    limit(first, maxRows);
    let rows = nextPart(first).records.length;
    const group = [first];
    for (const job of first.alone ? [] : this.#waiting.slice(1)) {
      if (job.alone) continue;
      rows += nextPart(job).records.length;
      if (rows > maxRows) break;
      group.push(job);
    }
    this.#waiting = this.#waiting.filter((job) => !group.includes(job));
    for (const job of group) job.state = 'writing';
    return group;
  }

  #judged(job: Job<Batch>): PartitionBatch;
  #judged(job: Job<Batch>, table: EventTable): PartitionBatch | Promise<PartitionBatch>;
  #judged(job: Job<Batch>, table?: EventTable): PartitionBatch | Promise<PartitionBatch> {
    const part = nextPart(job);
    const { topic, partition, firstOffset, nextOffset } = part;
    if (job.aside) return { topic, partition, firstOffset, nextOffset, records: [job.aside] };
    return table ? this.#options.judge(part, table) : this.#options.judge(part);
  }

  /** One transaction. Afterwards each job of the group is settled, waiting or pausing. */
  async #write(group: readonly Job<Batch>[]): Promise<void> {
    const begunMs = performance.now();
    let batches: PartitionBatch[];
    let counts: StoredCounts[];
    const table = this.#freeTables.pop() ?? new EventTable();
    try {
      batches = [];
      for (const job of group) {
        const judged = this.#judged(job, table);
        batches.push(judged instanceof Promise ? await judged : judged);
      }
      counts = await this.#options.writer.write(batches, table);
    } catch (error) {
      return this.#failed(group, error);
    } finally {
      table.clear();
      this.#freeTables.push(table);
    }
    const nowMs = performance.now();
    const rows = batches.reduce((sum, { records }) => sum + records.length, 0);
    this.#options.throttle.wrote({ rows, ms: nowMs - begunMs }, nowMs);
    this.#options.onStored(batches, counts);
    for (const [i, job] of group.entries()) this.#advance(job, counts[i] as StoredCounts);
  }

  #advance(job: Job<Batch>, { stored, duplicate }: StoredCounts): void {
    const [done, ...rest] = job.parts as [Batch, ...Batch[]];
    job.aside = undefined;
    if (job.stopped) {
      job.stopped = false;
      this.#rejections.clear(done);
      const { topic, partition, nextOffset } = done;
      this.#options.logger.info(
        { topic, partition, nextOffset },
        'PostgreSQL takes the rows again: the partition goes on',
      );
    }
    this.#rejections.stored(done, stored + duplicate);
    job.failures = 0;
    if (rest.length === 0) {
      job.resolve(done.nextOffset);
      return;
    }
    job.parts = rest;
    this.#enqueue(job);
  }

  async #failed(group: readonly Job<Batch>[], error: unknown): Promise<void> {
    const [job] = group as [Job<Batch>];
    const failure = classifyStoreError(error);
    // A connection lost during COMMIT may have committed: then positions have moved, and writing again says so.
    const moved = error instanceof PositionMovedError;
    if (!moved && failure.remedy !== 'isolate') this.#tryAgain(group, error, failure);
    else if (group.length > 1) this.#separate(group);
    else if (moved) await this.#followPosition(job);
    else this.#isolate(job, error, failure);
  }

  #separate(group: readonly Job<Batch>[]): void {
    for (const job of group) {
      job.alone = true;
      this.#enqueue(job);
    }
  }

  #tryAgain(group: readonly Job<Batch>[], error: unknown, failure: FailureClass): void {
    const { logger, writer } = this.#options;
    const failures = 1 + Math.max(...group.map((job) => job.failures));
    const atOnce = failure.remedy === 'at once' && failures <= AT_ONCE_TIMES;
    const pauseMs = atOnce
      ? Math.random() * MOMENT_MS * failures
      : Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
    const { name, meaning, needsMending, everywhere } = failure;
    const partitions = group.map((job) => `${nextPart(job).topic}/${nextPart(job).partition}`);
    logger[needsMending ? 'error' : atOnce ? 'info' : 'warn'](
      { err: error, failure: name, reason: meaning, partitions, pauseMs: Math.round(pauseMs) },
      'PostgreSQL did not take a batch; it is tried again',
    );
    // What is known of names and partitions may be of another database, or of tables that are gone.
    if (everywhere || needsMending) writer.forget();
    for (const job of group) {
      job.failures = failures;
      job.alone ||= !everywhere && (failures > 1 || failure.remedy === 'smaller');
      if (failure.remedy === 'smaller' && group.length === 1) halve(job);
    }
    this.#pause(group, pauseMs);
  }

  /** Jobs that are settled meanwhile do not wait to the end. */
  #pause(group: readonly Job<Batch>[], ms: number): void {
    const timer = setTimeout(() => {
      for (const job of group) {
        job.lease.signal.removeEventListener('abort', check);
        if (job.state === 'pausing') this.#enqueue(job);
      }
    }, ms);
    const check = () => {
      if (group.every(({ lease }) => lease.signal.aborted)) clearTimeout(timer);
    };
    for (const job of group) {
      job.state = 'pausing';
      if (job.lease.signal.aborted) job.reject(job.lease.signal.reason);
      else job.lease.signal.addEventListener('abort', check, { once: true });
    }
    check();
  }

  async #followPosition(job: Job<Batch>): Promise<void> {
    const { logger, readNextOffset } = this.#options;
    const part = nextPart(job);
    const { topic, partition, firstOffset } = part;
    const nextOffset = await readNextOffset(part);
    if (nextOffset === part.nextOffset && job.parts.length > 1) {
      job.parts.shift(); // it had been committed after all
      job.aside = undefined;
      job.failures = 0;
      this.#enqueue(job);
      return;
    }
    if (!job.lease.signal.aborted && nextOffset !== part.nextOffset) {
      logger.warn(
        { topic, partition, firstOffset, nextOffset },
        'the stored position was elsewhere; reading goes on from it',
      );
    }
    job.resolve(nextOffset);
  }

  /** Halves the batch until the record is alone that PostgreSQL refuses; each half is a transaction of its own. */
  #isolate(job: Job<Batch>, error: unknown, failure: FailureClass): void {
    const part = nextPart(job);
    const [record] = part.records.length === 1 ? this.#judged(job).records : [];
    job.alone = true;
    if (job.stopped) this.#stop(job, error);
    else if (part.records.length > 1) {
      halve(job);
      this.#enqueue(job);
    } else if (!record || !('store' in record.verdict)) {
      // A dead letter that could not be kept would be a loss.
      this.#tryAgain([job], error, { ...failure, remedy: 'wait', needsMending: true });
    } else if (this.#rejections.take(part)) {
      job.aside = this.#putAside(part, record, record.verdict.store, { error, failure });
      this.#enqueue(job);
    } else this.#stop(job, error);
  }

  #putAside(
    { topic, partition }: UnjudgedBatch,
    record: JudgedRecord,
    { event }: StorableEvent,
    { error, failure }: { error: unknown; failure: FailureClass },
  ): JudgedRecord {
    this.#options.logger.error(
      { err: error, failure: failure.name, topic, partition, offset: record.offset },
      'a row can never be stored; it becomes a dead letter',
    );
    const who = failure.name === 'data' ? 'PostgreSQL' : 'the worker';
    const { eventId, sessionId } = event;
    const detail = `${who}: ${(error as Error).message}`;
    return { ...record, verdict: { deadLetter: { code: 'unstorable', detail, eventId, sessionId } } };
  }

  /** Nothing more is put aside: the record is tried again, now and then, until it is taken or the lease ends. */
  #stop(job: Job<Batch>, error: unknown): void {
    const { rejections, logger } = this.#options;
    const { topic, partition, firstOffset } = nextPart(job);
    job.stopped = true;
    logger.error(
      { err: error, topic, partition, offset: firstOffset, maxRejected: rejections.maxRejected },
      'partition stopped: PostgreSQL refuses row after row; no more of them become dead letters',
    );
    this.#pause([job], rejections.stoppedMs);
  }
}
