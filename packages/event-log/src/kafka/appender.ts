import errors from 'kafkajs/src/protocol/error.js';
import {
  type LogLogger,
  LogSetupError,
  LogUnavailableError,
  type NewRecord,
  RecordTooLargeError,
  type TopicSpec,
} from '../event-log.ts';
import { partitionOf } from '../murmur2.ts';
import { type Append, recordBytes } from './append-batch.ts';
import { AppendLane } from './append-lane.ts';
import type { BrokerDirectory } from './broker-directory.ts';
import { ChunkPool } from './chunk-pool.ts';
import { encodeHeaders } from './encode-record-batch.ts';
import { produce } from './produce.ts';
import { reasonOf } from './within.ts';

export interface AppenderOptions {
  directory: BrokerDirectory;
  topics: readonly TopicSpec[];
  maxBytesInFlight: number;
  deadlineMs: number;
  /** How long a broker may wait for its replicas, ms. */
  produceTimeoutMs: number;
  logger: LogLogger;
}

/** Of one request: the broker's limit is 100 MiB, but its answer is waited for before the next, and kafkajs copies it twice. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
/** So much is sent as soon as the request before it is answered; less waits for what the loop's turn still brings. */
const ENOUGH_BYTES = 512 * 1024;
const TELL_AGAIN_MS = 10_000;

const EMPTY: Buffer = Buffer.alloc(0);

const MESSAGE_TOO_LARGE = 10;
const RECORD_LIST_TOO_LARGE = 18;

/** What the records of one call count. */
function bytesOf(records: readonly NewRecord[]): number {
  let bytes = 0;
  let before: NewRecord | undefined;
  let key = 0;
  let headers = 0;
  for (const record of records) {
    if (record.key !== before?.key) key = Buffer.byteLength(record.key);
    if (!before || record.headers !== before.headers) headers = encodeHeaders(record.headers).length;
    bytes += recordBytes(key, record.value.length, headers);
    before = record;
  }
  return bytes;
}

/**
 * Appends, coalesced: one produce request is in flight to each leader, and what comes meanwhile makes up the next one. A
 * partition whose batch failed waits and sends it again, to whoever leads then; the other partitions go on.
 */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #lanes = new Map<string, readonly AppendLane[]>();
  /** Lanes with something to send, of which nothing is being sent; the one that waits longest is first. */
  readonly #waiting = new Set<AppendLane>();
  readonly #busyLeaders = new Set<number>();
  readonly #open = new Set<Append>();
  #bytes = 0;
  /** Failed appends of which something is not settled yet. */
  #failed = 0;
  #scheduled = false;
  #wake: NodeJS.Timeout | undefined;
  #expiry: NodeJS.Timeout | undefined;
  #closed = false;
  #whenIdle: (() => void) | undefined;
  #trouble: { reason: string; toldAt: number } | undefined;

  constructor(options: AppenderOptions) {
    this.#options = options;
    const pool = new ChunkPool();
    for (const { name, partitions } of options.topics) {
      this.#lanes.set(
        name,
        Array.from({ length: partitions }, (_, partition) => new AppendLane(name, partition, pool)),
      );
    }
  }

  append(topic: string, records: readonly NewRecord[]): Promise<void> {
    const lanes = this.#lanes.get(topic);
    if (!lanes) {
      return Promise.reject(new LogSetupError(`Kafka topic ${topic} is not among those that the log was opened with.`));
    }
    if (this.#closed) return Promise.reject(new LogUnavailableError('unavailable', 'the log is closed'));
    if (records.length === 0) return Promise.resolve();

    const bytes = bytesOf(records);
    const { maxBytesInFlight, deadlineMs } = this.#options;
    if (bytes > maxBytesInFlight) {
      const limit = `at most ${maxBytesInFlight} are taken at all`;
      return Promise.reject(
        new RecordTooLargeError(`${records.length} records of ${bytes} bytes in one call: ${limit}`),
      );
    }
    if (this.#bytes + bytes > maxBytesInFlight) {
      const inFlight = `${this.#bytes} bytes are in flight, at most ${maxBytesInFlight} may be`;
      return Promise.reject(new LogUnavailableError('busy', inFlight));
    }
    this.#bytes += bytes;

    return new Promise((resolve, reject) => {
      const append: Append = {
        bytes,
        open: 0,
        failed: false,
        resolve,
        reject,
        expiresAt: performance.now() + deadlineMs,
      };
      this.#open.add(append);
      this.#expiry ??= setTimeout(this.#expire, deadlineMs);
      this.#add(append, records, lanes);
      this.#schedule();
    });
  }

  /** Copies the records into the batches of their partitions: nothing keeps them. */
  #add(append: Append, records: readonly NewRecord[], lanes: readonly AppendLane[]): void {
    let before: NewRecord | undefined;
    let lane = lanes[0] as AppendLane;
    let key = EMPTY;
    let headers = EMPTY;
    for (const record of records) {
      const { value } = record;
      // The records of a request mostly are of one session, and share their headers.
      if (!before || record.key !== before.key) {
        key = Buffer.from(record.key);
        lane = lanes[partitionOf(key, lanes.length)] as AppendLane;
      }
      if (!before || record.headers !== before.headers) headers = encodeHeaders(record.headers);
      if (lane.empty) this.#waiting.add(lane);
      lane.add(append, { key, value, headers }, recordBytes(key.length, value.length, headers.length));
      before = record;
    }
  }

  #tooLate(): LogUnavailableError {
    const reason = this.#trouble ? `: ${this.#trouble.reason}` : '';
    return new LogUnavailableError('unavailable', `Kafka has not taken it in ${this.#options.deadlineMs} ms${reason}`);
  }

  /** All have the same time: so they expire in their order, and one timer does for all. */
  readonly #expire = (): void => {
    this.#expiry = undefined;
    const now = performance.now();
    for (const append of this.#open) {
      if (append.failed) continue;
      if (append.expiresAt > now) {
        this.#expiry = setTimeout(this.#expire, append.expiresAt - now);
        return;
      }
      this.#fail(append, this.#tooLate());
    }
  };

  #fail(append: Append, error: Error): void {
    if (append.failed) return;
    append.failed = true;
    append.reject(error);
    this.#failed++;
    this.#schedule();
  }

  /** After one of its segments was settled. */
  readonly #settled = (append: Append): void => {
    if (append.open > 0) return;
    this.#open.delete(append);
    this.#bytes -= append.bytes;
    if (append.failed) {
      this.#failed--;
    } else {
      append.resolve();
    }
    if (this.#open.size === 0) this.#whenIdle?.();
  };

  /** At the end of the loop's turn: what other sockets brought in this turn goes along. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#sendWaiting();
    });
  }

  #sendWaiting(): void {
    if (this.#failed > 0) this.#dropFailed();
    const { directory } = this.#options;
    const now = Date.now();
    const sends = new Map<number, { lanes: AppendLane[]; bytes: number }>();
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const lane of this.#waiting) {
      const leader = lane.retryAt <= now ? directory.leader(lane.topic, lane.partition) : undefined;
      if (leader === undefined) {
        if (lane.retryAt <= now) {
          lane.postpone(now);
          this.#lookAgain(`partition ${lane.partition} of ${lane.topic} has no leader`);
        }
        wakeAt = Math.min(wakeAt, lane.retryAt);
        continue;
      }
      if (this.#busyLeaders.has(leader)) continue;
      const send = sends.get(leader) ?? { lanes: [], bytes: 0 };
      sends.set(leader, send);
      if (send.bytes >= MAX_REQUEST_BYTES) continue;
      send.lanes.push(lane);
      send.bytes += lane.first().records.bytes;
    }
    for (const [leader, { lanes }] of sends) void this.#send(leader, lanes);
    clearTimeout(this.#wake);
    if (wakeAt < Number.POSITIVE_INFINITY) this.#wake = setTimeout(() => this.#schedule(), wakeAt - now);
  }

  /** Never rejects. */
  async #send(leader: number, lanes: readonly AppendLane[]): Promise<void> {
    const { directory, produceTimeoutMs } = this.#options;
    this.#busyLeaders.add(leader);
    for (const lane of lanes) this.#waiting.delete(lane);
    let codes: (number | undefined)[];
    try {
      const batches = lanes.map((lane) => ({ topic: lane.topic, partition: lane.partition, batch: lane.first() }));
      codes = await produce(directory.to(leader, 'append'), batches, produceTimeoutMs);
    } catch (error) {
      this.#lookAgain(reasonOf(error));
      codes = [];
    }
    this.#busyLeaders.delete(leader);
    const now = Date.now();
    for (const [i, lane] of lanes.entries()) {
      this.#judge(lane, codes[i], now);
      if (!lane.empty) this.#waiting.add(lane);
    }
    if (this.#hasEnough()) this.#sendWaiting();
    else this.#schedule();
  }

  /** Whether the broker has work for a while with what waits: where a turn of the loop is long, it would stand still till its end. */
  #hasEnough(): boolean {
    let bytes = 0;
    for (const lane of this.#waiting) bytes += lane.firstBytes;
    return bytes >= ENOUGH_BYTES;
  }

  /** @param code undefined if it is not known what became of the lane's first batch */
  #judge(lane: AppendLane, code: number | undefined, now: number): void {
    if (code === 0) {
      this.#recovered();
      lane.settleFirst(this.#settled);
      return;
    }
    if (code === undefined) {
      lane.postpone(now);
      return;
    }
    if (code === MESSAGE_TOO_LARGE || code === RECORD_LIST_TOO_LARGE) {
      if (lane.splitFirst()) return;
      const { bytes } = lane.first().records;
      this.#refuse(lane, new RecordTooLargeError(`Kafka topic ${lane.topic} does not take a record of ${bytes} bytes`));
      return;
    }
    const error = errors.createErrorFromCode(code);
    if (error.retriable) {
      lane.postpone(now);
      this.#lookAgain(error.message);
      return;
    }
    this.#options.logger.error({ topic: lane.topic, code: error.type }, `Kafka refuses records: ${error.message}`);
    this.#refuse(lane, new LogUnavailableError('unavailable', `Kafka refused it: ${error.message}`, { cause: error }));
  }

  /** Of the lane's first batch, and of that alone. */
  #refuse(lane: AppendLane, error: Error): void {
    for (const { append } of lane.first().segments) this.#fail(append, error);
    lane.settleFirst(this.#settled);
  }

  #dropFailed(): void {
    for (const lane of this.#waiting) {
      lane.dropFailed(this.#settled);
      if (lane.empty) this.#waiting.delete(lane);
    }
  }

  #lookAgain(reason: string): void {
    const { directory, logger } = this.#options;
    const now = Date.now();
    if (!this.#trouble || now - this.#trouble.toldAt > TELL_AGAIN_MS) {
      logger.warn({ reason, bytesInFlight: this.#bytes }, 'Kafka does not take records just now; they are sent again');
      this.#trouble = { reason, toldAt: now };
    }
    this.#trouble.reason = reason;
    void directory.refresh().then(
      () => this.#schedule(),
      (error: unknown) => {
        if (this.#trouble) this.#trouble.reason = reasonOf(error);
      },
    );
  }

  #recovered(): void {
    if (!this.#trouble) return;
    this.#trouble = undefined;
    this.#options.logger.info({}, 'Kafka takes records again');
  }

  /** Refuses what comes from now on, and resolves once all that was taken is settled. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#open.size > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    clearTimeout(this.#expiry);
    clearTimeout(this.#wake);
  }
}
