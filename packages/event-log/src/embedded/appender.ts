import { setImmediate as nextTurn } from 'node:timers/promises';
import { type LogLogger, LogUnavailableError, type NewRecord, RecordTooLargeError } from '../event-log.ts';
import { partitionOf } from '../murmur2.ts';
import { chunkKey, encodeChunk, recordSize } from './chunk.ts';
import type { LogFile } from './log-file.ts';
import { type Partition, refreshEnd, wakeWaiting } from './partition.ts';

/** Chunks are cut at this size: large enough to be quick, small enough to be handed over and trimmed in parts. */
const CHUNK_BYTES = 256 * 1024;
/** What one transaction takes at most, beside a single larger append. */
const COMMIT_BYTES = 16 * 1024 * 1024;
/** After the disk was found full, or the log at its limit, so long appends are refused without trying. */
const FULL_PAUSE_MS = 1_000;
const POSITIONS_DELAY_MS = 1_000;

export interface AppenderOptions {
  file: LogFile;
  maxBytesInFlight: number;
  /** Asked before so many bytes are written; answers with the refusal if the log has reached its limit. */
  makeRoom?(bytes: number): Promise<LogUnavailableError | undefined>;
  /** How long a transaction may take before those who wait for it are refused. Default 10 s. */
  deadlineMs?: number;
  logger?: LogLogger;
}

export interface Appender {
  /** @param limited whether the limit of the log's size holds for it; default true */
  append(partitions: readonly Partition[], records: readonly NewRecord[], limited?: boolean): Promise<void>;
  /** Kept with the next transaction, within a second; at once, and awaited, where it must not wait. */
  savePositions(positions: ReadonlyMap<string, number>, atOnce: boolean): Promise<void>;
  /** Lets everything settle; refuses what comes after. */
  close(): Promise<void>;
}

interface PendingAppend {
  records: readonly NewRecord[];
  /** Of each record. */
  partitions: readonly Partition[];
  sizes: readonly number[];
  bytes: number;
  limited: boolean;
  resolve(): void;
  reject(error: Error): void;
}

/** Which partition each record goes to, in one pass; keys that follow one another are often the same. */
function choosePartitions(partitions: readonly Partition[], records: readonly NewRecord[]): Partition[] {
  let lastKey: string | undefined;
  let last = partitions[0] as Partition;
  return records.map(({ key }) => {
    if (key === lastKey) return last;
    lastKey = key;
    last = partitions[partitionOf(Buffer.from(key), partitions.length)] as Partition;
    return last;
  });
}

interface PartitionWrites {
  next: number;
  timeMs: number;
  records: NewRecord[];
  bytes: number;
}

/** The chunks of some appends, and where each of their partitions ends when they are written. */
function buildChunks(appends: readonly PendingAppend[], nowMs: number) {
  const chunks: { key: Buffer; chunk: Buffer }[] = [];
  const writes = new Map<Partition, PartitionWrites>();
  const cut = (partition: Partition, write: PartitionWrites) => {
    if (write.records.length === 0) return;
    const key = chunkKey(partition.topicId, partition.partition, write.next);
    chunks.push({ key, chunk: encodeChunk(key, write.records, write.timeMs, write.bytes) });
    write.next += write.records.length;
    write.records = [];
    write.bytes = 0;
  };
  for (const { records, partitions, sizes } of appends) {
    for (const [i, record] of records.entries()) {
      const partition = partitions[i] as Partition;
      const size = sizes[i] as number;
      let write = writes.get(partition);
      if (!write) {
        write = { next: partition.end, timeMs: Math.max(nowMs, partition.lastTimeMs), records: [], bytes: 0 };
        writes.set(partition, write);
      }
      if (write.bytes > 0 && write.bytes + size > CHUNK_BYTES) cut(partition, write);
      write.records.push(record);
      write.bytes += size;
    }
  }
  for (const [partition, write] of writes) cut(partition, write);
  return { chunks, writes };
}

/**
 * Turns appends into transactions, one at a time: what arrives while one is being written goes into the next, so that
 * the number of syncs does not grow with the number of callers.
 */
export function createAppender(options: AppenderOptions): Appender {
  const { file, maxBytesInFlight, makeRoom, deadlineMs = 10_000, logger } = options;
  const queue: PendingAppend[] = [];
  let positions = new Map<string, number>();
  let bytesInFlight = 0;
  let closed = false;
  let stuck = false;
  let broken: LogUnavailableError | undefined;
  let fullUntilMs = 0;
  let overLimit: { error: LogUnavailableError; untilMs: number } | undefined;
  let running: Promise<void> | undefined;
  let positionsTimer: NodeJS.Timeout | undefined;

  function take(): PendingAppend[] {
    let bytes = 0;
    let count = 0;
    for (const pending of queue) {
      bytes += pending.bytes;
      if (count > 0 && bytes > COMMIT_BYTES) break;
      count++;
    }
    return queue.splice(0, count);
  }

  /** Refuses all who wait when the disk does not answer. What it is busy with may be in the log later. */
  function watch(taken: readonly PendingAppend[]): NodeJS.Timeout {
    return setTimeout(() => {
      stuck = true;
      const message = `The event log did not take records within ${deadlineMs / 1000} s: its disk does not answer`;
      const error = new LogUnavailableError('unavailable', message);
      logger?.error({ waiting: taken.length + queue.length }, message);
      for (const pending of taken) pending.reject(error);
      for (const pending of queue.splice(0)) {
        bytesInFlight -= pending.bytes;
        pending.reject(error);
      }
    }, deadlineMs);
  }

  /** Those that the limit of the log's size leaves room for: all, or those that it does not hold for. */
  async function admit(taken: readonly PendingAppend[]): Promise<readonly PendingAppend[]> {
    const limited = taken.filter((pending) => pending.limited);
    if (!makeRoom || limited.length === 0) return taken;
    const error = await makeRoom(limited.reduce((sum, { bytes }) => sum + bytes, 0));
    if (!error) return taken;
    overLimit = { error, untilMs: Date.now() + FULL_PAUSE_MS };
    for (const pending of limited) pending.reject(error);
    return taken.filter((pending) => !pending.limited);
  }

  async function commit(taken: readonly PendingAppend[], moved: Map<string, number>): Promise<void> {
    const deadline = watch(taken);
    let admitted = taken;
    let written: readonly Partition[] = [];
    try {
      admitted = await admit(taken);
      const { chunks, writes } = buildChunks(admitted, Date.now());
      written = [...writes.keys()];
      if (chunks.length === 0 && moved.size === 0) return;
      await file.write({ chunks, positions: moved });
      for (const [partition, write] of writes) {
        partition.end = write.next;
        partition.lastTimeMs = write.timeMs;
      }
      for (const pending of admitted) pending.resolve();
      for (const partition of written) wakeWaiting(partition);
    } catch (error) {
      const failure = error as LogUnavailableError;
      if (failure.reason === 'full') fullUntilMs = Date.now() + FULL_PAUSE_MS;
      logger?.error({ err: failure, appends: taken.length }, failure.message);
      positions = new Map([...moved, ...positions]);
      refresh(written);
      for (const pending of admitted) pending.reject(failure);
    } finally {
      clearTimeout(deadline);
      stuck = false;
      for (const pending of taken) bytesInFlight -= pending.bytes;
    }
  }

  /** The file knows what came of a transaction that failed. If it does not tell, nothing more may be written. */
  function refresh(partitions: readonly Partition[]): void {
    try {
      for (const partition of partitions) refreshEnd(file, partition);
    } catch (error) {
      broken = new LogUnavailableError('unavailable', (error as Error).message, { cause: error });
    }
  }

  async function run(): Promise<void> {
    while (queue.length > 0 || positions.size > 0) {
      await nextTurn(); // calls of the same turn go together
      const moved = positions;
      positions = new Map();
      clearTimeout(positionsTimer);
      positionsTimer = undefined;
      const taken = take();
      await commit(taken, moved);
      if (queue.length === 0 && taken.length === 0) break; // positions that could not be kept go with the next append
    }
    running = undefined;
  }

  /** Resolves when all that waits is written. A run is begun only for something: one that ends at once would count as running. */
  async function start(): Promise<void> {
    if (!running && (queue.length > 0 || positions.size > 0)) running = run();
    await running;
  }

  function refusal(bytes: number, limited: boolean): LogUnavailableError | undefined {
    if (closed) return new LogUnavailableError('unavailable', 'The event log is closed');
    if (broken) return broken;
    if (stuck) return new LogUnavailableError('unavailable', 'The disk of the event log does not answer');
    if (Date.now() < fullUntilMs) {
      return new LogUnavailableError('full', 'There is no room left on disk for the event log');
    }
    if (limited && overLimit && Date.now() < overLimit.untilMs) return overLimit.error;
    if (bytesInFlight + bytes > maxBytesInFlight) {
      return new LogUnavailableError('busy', `More than ${maxBytesInFlight} bytes wait to be written to the event log`);
    }
    return undefined;
  }

  return {
    async append(partitions, records, limited = true) {
      const sizes = records.map(recordSize);
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      if (bytes > maxBytesInFlight) {
        const limit = `at most ${maxBytesInFlight} are taken at all`;
        throw new RecordTooLargeError(`${records.length} records of ${bytes} bytes in one call: ${limit}`);
      }
      const refused = refusal(bytes, limited);
      if (refused) throw refused;
      if (records.length === 0) return;
      bytesInFlight += bytes;
      const chosen = choosePartitions(partitions, records);
      await new Promise<void>((resolve, reject) => {
        queue.push({ records, partitions: chosen, sizes, bytes, limited, resolve, reject });
        void start();
      });
    },

    async savePositions(moved, atOnce) {
      if (closed) throw new LogUnavailableError('unavailable', 'The event log is closed');
      for (const [key, offset] of moved) positions.set(key, offset);
      if (atOnce) {
        await running;
        await start();
        if ([...moved].some(([key, offset]) => positions.get(key) === offset)) {
          throw new LogUnavailableError('unavailable', 'The positions could not be written to the event log');
        }
        return;
      }
      positionsTimer ??= setTimeout(() => void start(), POSITIONS_DELAY_MS).unref();
    },

    async close() {
      closed = true;
      clearTimeout(positionsTimer);
      while (queue.length > 0 || positions.size > 0 || running) {
        const last = await start().then(() => queue.length === 0 && running === undefined);
        if (last) break; // positions that could not be written are only older than they might be
      }
    },
  };
}
