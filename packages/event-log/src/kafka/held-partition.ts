import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeOptions, Lease, LogLogger, LogRecord, PartitionRange, TopicPartition } from '../event-log.ts';
import type { BytesInHand } from './bytes-in-hand.ts';
import { cutBatch } from './cut-batch.ts';
import type { FetchedBatch, KafkaSession } from './kafka-session.ts';
import { reasonOf } from './within.ts';

export interface HeldPartitionOptions {
  partition: TopicPartition;
  session: KafkaSession;
  consume: Pick<ConsumeOptions, 'begin' | 'handle'> & { maxRecords: number; maxBytes: number };
  logger: LogLogger;
  /** Of all partitions that are held. */
  inHand: BytesInHand;
  range(): Promise<PartitionRange>;
  peek(offset: number): Promise<LogRecord | undefined>;
  /** Settled when whoever held the partition before, in this process, has let go of it. */
  before: Promise<void>;
}

/**
 * `asking` where to begin · `reading`, waiting for kafkajs to fetch from `#fetchFrom` on · `working`, with the handler ·
 * `checking` what to make of a fetch from elsewhere, or of what cannot be read · `stopped` by an answer of begin · `lost`. kafkajs may fetch in all
 * of them but the first and the last two; whatever it brings in any but `reading` is left aside, and fetched again.
 */
type State = 'asking' | 'reading' | 'working' | 'checking' | 'stopped' | 'lost';

/**
 * The other members learn of a new assignment at the same moment; they are given this long to abort their leases.
 */
const HANDOVER_MS = 50;
/** A handler that works for longer no longer keeps kafkajs from fetching other partitions. */
const PATIENCE_MS = 1000;
/** A partition of which something came so lately most likely has something by the next fetch. */
const LATELY_MS = 1000;
const LONGEST_PAUSE_MS = 5000;
/** Between attempts to read what cannot be read; each is told. */
const FIRST_STALL_MS = 1000;
const LONGEST_STALL_MS = 30_000;

/** One partition, from its assignment to its loss. Where it is read is decided here alone, and never by kafkajs. */
export class HeldPartition {
  readonly #options: HeldPartitionOptions;
  readonly #abort = new AbortController();
  readonly lease: Lease = { signal: this.#abort.signal };
  #state: State = 'asking';
  /** The offset to be handed over next: the last answer. */
  #next = -1;
  /** Where kafkajs is to fetch: `#next`, or after it, where nothing but markers and aborted records lies between. */
  #fetchFrom = -1;
  /** Whether kafkajs was told to leave the partition alone. */
  #paused = false;
  /** When a fetch last brought some of it, by `performance.now()`, and whether it left some. */
  #broughtAtMs = Number.NEGATIVE_INFINITY;
  #hasMore = false;
  #failures = 0;
  /** How often in a row its records could not be read. */
  #stalls = 0;
  /** Settled when no call of `begin` or `handle` is under way. */
  #working: Promise<void>;

  constructor(options: HeldPartitionOptions) {
    this.#options = options;
    this.#pause();
    const begin = async () => {
      await options.before;
      await this.#sleep(HANDOVER_MS);
      await this.#ask();
    };
    this.#working = begin();
  }

  get lost(): boolean {
    return this.#state === 'lost';
  }

  /** Whether the next fetch asks for it, and most likely brings something: the last one left some, or was not long ago. */
  get isDue(): boolean {
    return this.#state === 'reading' && (this.#hasMore || performance.now() - this.#broughtAtMs < LATELY_MS);
  }

  /** Aborts the lease. Resolves when the handler in hand, if there is one, is done. */
  lose(): Promise<void> {
    if (this.#state !== 'lost') {
      this.#pause();
      this.#state = 'lost';
      this.#abort.abort();
    }
    return this.#working;
  }

  /** The group has formed anew, and the partition is still held here; of the offsets kafkajs has kept nothing. */
  keep(): void {
    if (this.#state === 'reading') this.#seek();
    else this.#pause();
  }

  /** kafkajs was told that `#fetchFrom` is not in the log. */
  outOfRange(): void {
    if (this.#state !== 'reading') return;
    this.#run(() => this.#ask());
  }

  /**
   * Resolves when kafkajs may fetch again, which is while there is room and more to fetch (see `BytesInHand`); the handler may be at work
   * still. Never rejects.
   */
  async take(fetched: FetchedBatch): Promise<void> {
    if (this.#state !== 'reading') return;
    const from = Number(fetched.fetchedOffset);
    if (from !== this.#fetchFrom) {
      this.#run(() => this.#check(from));
      return;
    }
    this.#state = 'working';
    this.#broughtAtMs = performance.now();
    this.#hasMore = Number(fetched.lastOffset()) + 1 < Number(fetched.highWatermark);
    const { inHand } = this.#options;
    const done = inHand.take(bytesOf(fetched));
    const work = this.#handle(fetched).finally(done);
    this.#working = work;
    await this.#atMost(PATIENCE_MS, inHand.room(work, this.#hasMore));
    if (this.#state === 'working') this.#pause();
  }

  /** Resolves with the work, or after so many ms, or when the partition is lost. */
  async #atMost(ms: number, work: Promise<void>): Promise<void> {
    let give: () => void = () => {};
    const patience = new Promise<void>((resolve) => {
      give = resolve;
    });
    const timer = setTimeout(give, ms);
    this.lease.signal.addEventListener('abort', give);
    await Promise.race([work, patience]);
    clearTimeout(timer);
    this.lease.signal.removeEventListener('abort', give);
  }

  /** Starts what takes its time, with the partition left alone meanwhile. */
  #run(work: () => Promise<void>): void {
    this.#pause();
    this.#state = 'checking';
    this.#working = work();
  }

  async #handle(fetched: FetchedBatch): Promise<void> {
    const { consume, logger, partition } = this.#options;
    for (const batch of cutBatch(fetched, this.#next, consume)) {
      let answer: number;
      try {
        answer = await consume.handle(batch, this.lease);
      } catch (error) {
        if (this.lost) return;
        logger.warn({ ...partition, err: error }, `A batch of ${batch.topic} failed: ${reasonOf(error)}`);
        return this.#ask();
      }
      if (this.lost) return;
      this.#failures = 0;
      this.#stalls = 0;
      if (answer !== batch.nextOffset) return this.#moveTo(answer);
      this.#next = answer;
    }
    const { unreadable } = fetched.messages.at(-1) ?? {};
    if (unreadable) this.#run(() => this.#stall(unreadable));
    else this.#read(this.#next);
  }

  /** Records that cannot be read are never passed over: they are fetched again, perhaps from another replica. */
  async #stall(reason: Error): Promise<void> {
    const { logger, partition } = this.#options;
    const { topic } = partition;
    const where = `Partition ${partition.partition} of ${topic} stands still before offset ${this.#next}`;
    logger.error({ ...partition, offset: this.#next, err: reason }, `${where}: ${reason.message}`);
    await this.#sleep(Math.min(LONGEST_STALL_MS, FIRST_STALL_MS * 2 ** this.#stalls++));
    this.#read(this.#next);
  }

  /** Asks begin until it answers; before each but the first of a row there is a pause, which grows. */
  async #ask(): Promise<void> {
    const { consume, logger, partition, range } = this.#options;
    this.#pause();
    this.#state = this.lost ? 'lost' : 'asking';
    for (; !this.lost; this.#failures++) {
      if (this.#failures > 0) await this.#sleep(Math.min(LONGEST_PAUSE_MS, 50 * 2 ** (this.#failures - 1)));
      if (this.lost) return;
      try {
        const bounds = await range();
        if (this.lost) return;
        const answer = await consume.begin(bounds, this.lease);
        if (this.lost) return;
        if ('stop' in answer) {
          this.#state = 'stopped';
          logger.error({ ...partition, reason: answer.stop }, `A partition is stopped: ${answer.stop}`);
          return;
        }
        if (answer.offset >= bounds.start && answer.offset <= bounds.end) {
          this.#failures++; // until a batch was handled: a handler that always fails must not be called in a hot loop
          this.#read(answer.offset);
          return;
        }
        logger.error({ ...partition, ...bounds, offset: answer.offset }, 'The offset to begin at is not in the log');
      } catch (error) {
        if (this.lost) return;
        logger.warn({ ...partition, err: error }, `Where to begin cannot be told: ${reasonOf(error)}`);
      }
    }
  }

  /** To an offset that does not follow from the batch: it may not be in the log. */
  async #moveTo(offset: number, fetchFrom = offset): Promise<void> {
    const { logger, partition, range } = this.#options;
    this.#pause();
    for (this.#state = 'checking'; !this.lost; await this.#sleep(500)) {
      try {
        const { start, end } = await range();
        if (this.lost) return;
        if (!(offset >= start && fetchFrom <= end)) return this.#ask();
        this.#read(offset, fetchFrom);
        return;
      } catch (error) {
        logger.warn({ ...partition, err: error }, `The range of a partition cannot be told: ${reasonOf(error)}`);
      }
    }
  }

  /**
   * kafkajs fetched from another offset than it was told: an answer has overtaken a seek, or it was moved. What it
   * brought is refused. It may rightly be further on, past markers and aborted records; then nothing else lies between.
   */
  async #check(fetchedFrom: number): Promise<void> {
    const { logger, partition, peek } = this.#options;
    let fetchFrom = this.#fetchFrom;
    if (fetchedFrom > fetchFrom) {
      try {
        const first = await peek(fetchFrom);
        if (first && first.offset >= fetchedFrom) fetchFrom = fetchedFrom;
      } catch (error) {
        logger.warn({ ...partition, err: error }, `A partition cannot be looked at: ${reasonOf(error)}`);
      }
    }
    if (!this.lost) await this.#moveTo(this.#next, fetchFrom);
  }

  #read(next: number, fetchFrom = next): void {
    if (this.lost) return;
    this.#next = next;
    this.#fetchFrom = fetchFrom;
    this.#state = 'reading';
    this.#seek();
    if (!this.#paused) return;
    this.#paused = false;
    this.#options.session.resume(this.#options.partition);
  }

  #seek(): void {
    this.#options.session.seek({ ...this.#options.partition, offset: this.#fetchFrom });
  }

  #pause(): void {
    this.#paused = true;
    this.#options.session.pause(this.#options.partition);
  }

  /** Ends early when the partition is lost. */
  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.lease.signal }).catch(() => {});
  }
}

const bytesOf = ({ messages }: FetchedBatch): number =>
  messages.reduce((sum, { records }) => records.reduce((bytes, { size }) => bytes + size, sum), 0);
