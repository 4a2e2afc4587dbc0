/**
 * The port to the log: durable, partitioned, replayable. Everything that an adapter promises stands here, and the
 * contract suite (`contract-suite/`) holds both adapters to it, word for word. Offsets count from 0, without gaps that
 * matter: the next offset of a batch is the place to go on from.
 */
export interface EventLog {
  /**
   * Names this log and no other: the Kafka cluster id plus a generation, or a random id kept in the embedded file.
   * Positions are stored under it, so that a position is never applied to another log.
   */
  readonly id: string;

  /**
   * Resolves when every record is durable (Kafka: on all in-sync replicas; embedded: flushed to disk). Rejects with
   * `LogUnavailableError` otherwise; then nothing may be acknowledged, though some records may be in the log, and an
   * append that is tried again may stand twice. Records of one key go to one partition, in the order of the calls.
   * Concurrent calls share requests. At most `maxBytesInFlight` are held; more is refused at once (reason `busy`).
   * What the log can never take is refused with `RecordTooLargeError`.
   */
  append(topic: string, records: readonly NewRecord[]): Promise<void>;

  /** Hands over batches until closed. See `ConsumeOptions`, where the promises are. */
  consume(options: ConsumeOptions): Promise<LogConsumer>;

  /**
   * Hands over every record of a topic, from its start on and then as they come, until closed: for topics that every
   * process reads whole, outside of any group. Throws for a topic that the log was not opened with.
   */
  follow(options: FollowOptions): LogFollower;

  /** Where each partition of a topic begins and ends now: `start` is the first offset kept, `end` the next one given. */
  ranges(topic: string): Promise<PartitionRange[]>;

  /** The first record at or after the offset, or undefined if there is none before the end of the partition. */
  peek(position: LogPosition): Promise<LogRecord | undefined>;

  /**
   * For how long a topic's records are kept though nobody has read them, ms; undefined where that has no end, or the log
   * does not tell. A limit by bytes is not counted.
   */
  retentionMs(topic: string): Promise<number | undefined>;

  /**
   * Tells the log how far a group has stored: for lag monitors, and for trimming (nothing at or above a published
   * position is ever trimmed by the embedded log). Never read back: where to begin comes from the caller of `consume`.
   */
  publishPosition(group: string, positions: readonly LogPosition[]): Promise<void>;

  /** Closes the consumers and followers, lets appends in flight settle, and lets go of files and sockets. */
  close(): Promise<void>;
}

export interface TopicPartition {
  topic: string;
  partition: number;
}

export interface LogPosition extends TopicPartition {
  offset: number;
}

export interface PartitionRange extends TopicPartition {
  start: number;
  end: number;
}

export interface NewRecord {
  /** Decides the partition (murmur2, as Kafka's own clients). */
  key: string;
  value: Buffer;
  headers?: Readonly<Record<string, string>>;
}

/** Its parts may be cut out of what was read each time they are asked for: it is not to be copied by spreading it. */
export interface LogRecord {
  offset: number;
  /** When the log took the record, epoch ms (Kafka: LogAppendTime). */
  timeMs: number;
  key: Buffer | null;
  value: Buffer | null;
  /** Where the value stands among the bytes that were read, if it does: whoever goes by this needs nothing cut out. */
  readonly valueIn?: Buffer;
  readonly valueStart?: number;
  readonly valueEnd?: number;
  /** Of a header given several times, the last value. */
  headers: Readonly<Record<string, Buffer>>;
}

export interface LogBatch extends TopicPartition {
  /** In order, at least one. Offsets rise, but need not be adjacent (compaction, control records). */
  records: readonly LogRecord[];
  /** The offset at which reading began, ≤ that of the first record: what the caller asked for, or the last answer. */
  firstOffset: number;
  /** Where reading goes on after this batch, > that of the last record. */
  nextOffset: number;
  /** The end of the partition when the batch was fetched, for lag. */
  endOffset: number;
}

/** While a partition is held, the signal is not aborted; it is when the partition is lost, or the consumer closes. */
export interface Lease {
  readonly signal: AbortSignal;
}

export type BeginAnswer = { offset: number } | { stop: string };

export interface ConsumeOptions {
  /** Consumers of one group share the partitions: each partition is held by one of them at a time. */
  group: string;
  topics: readonly string[];
  /**
   * Asked when a partition is assigned, when the offset to read is outside the log's range, and after the handler has
   * failed. It answers with the offset to begin at (within the range), or that the partition is to stay stopped, with
   * the reason, until it is assigned anew. If it rejects, it is asked again after a pause.
   */
  begin(range: PartitionRange, lease: Lease): Promise<BeginAnswer>;
  /**
   * One batch of one partition at a time; batches of different partitions side by side. It answers with the offset to
   * go on from: `batch.nextOffset`, or any other, to which the reading then moves. While it works, nothing
   * more of the partition is handed over, and memory stays bounded; a slow handler slows the fetching, it loses no
   * partition. If it rejects, `begin` is asked again. A batch never begins after an offset that was not yet handed over:
   * before records that cannot be read a partition stands still, and says so, until they can be; the others go on.
   */
  handle(batch: LogBatch, lease: Lease): Promise<number>;
  /** At most so many records a batch (default 2500), of about so many bytes (default 4 MiB; one record may be larger). */
  maxRecords?: number;
  maxBytes?: number;
  /** How long a fetch may wait for a first record, ms. Default 100. */
  maxWaitMs?: number;
}

export interface LogConsumer {
  /** Resolves when the consumer was closed; rejects if it ended for good for another reason. */
  readonly ended: Promise<void>;
  /** The partitions held now. */
  assigned(): TopicPartition[];
  /** Aborts the leases, waits for the handlers in hand, and leaves the group. */
  close(): Promise<void>;
}

export interface FollowOptions {
  topic: string;
  /**
   * Called for each record, in the order of its partition; partitions side by side. While the log is away nothing comes,
   * and then it goes on. Where what it was to read next is not in the log any more, it begins again at the start: a
   * record may come more than once. What it throws ends the follower.
   */
  onRecord(record: LogRecord, partition: number): void;
}

export interface LogFollower {
  /**
   * Resolves when all has been handed over that was in the topic when following began; of a compacted topic that is the
   * last record of each key at least. Rejects if the follower ends before.
   */
  readonly caughtUp: Promise<void>;
  /** Resolves when the follower was closed; rejects if it ended for good for another reason. */
  readonly ended: Promise<void>;
  /** When the log last said that there is no more than what was handed over, epoch ms; undefined before. */
  heardAtMs(): number | undefined;
  /** At once; nothing is handed over after. */
  close(): void;
}

/** The log did not take the records, or cannot be read: nothing of the call may be acknowledged; a retry may succeed. */
export class LogUnavailableError extends Error {
  override readonly name = 'LogUnavailableError';
  /** `busy`: too many bytes in flight; `full`: no room on disk; `unavailable`: no answer in time, or a refusal. */
  readonly reason: 'busy' | 'full' | 'unavailable';

  constructor(reason: 'busy' | 'full' | 'unavailable', message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** The log will never take a record, or a call, of this size: a retry cannot succeed. Nothing of the call may be acknowledged. */
export class RecordTooLargeError extends Error {
  override readonly name = 'RecordTooLargeError';
}

/** The log cannot be used as it is set up; the message is one sentence for the operator. */
export class LogSetupError extends Error {
  override readonly name = 'LogSetupError';
}

export interface TopicSpec {
  name: string;
  partitions: number;
  /** Of each key only the last record must be kept, for ever; otherwise records go by age. Offsets then have gaps. */
  compacted?: boolean;
}

/** What adapters tell of themselves; messages are for operators, fields for machines. */
export interface LogLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
