import { type LogRecord, LogSetupError, type PartitionRange } from '../event-log.ts';
import type { Chunk } from './chunk.ts';
import type { LogFile } from './log-file.ts';

/** A partition as the process knows it: what is durable, and who waits for more. */
export interface Partition {
  readonly topic: string;
  readonly topicId: number;
  readonly partition: number;
  /** The first offset kept; it moves when older records are removed. */
  start: number;
  /** The next offset; all below is on disk. */
  end: number;
  /** The log's time of the last record: later ones never get an earlier one. */
  lastTimeMs: number;
  /** Called, once each, when `end` has moved. */
  readonly waiting: Set<() => void>;
}

export const rangeOf = ({ topic, partition, start, end }: Partition): PartitionRange => ({
  topic,
  partition,
  start,
  end,
});

/** Reads from the file where a partition begins and ends. */
export function refreshPartition(file: LogFile, partition: Partition): void {
  partition.start = file.readChunk(partition.topicId, partition.partition, 0)?.baseOffset ?? 0;
  refreshEnd(file, partition);
}

/** The end only: where a partition begins moves while chunks are being removed, before the file has it so. */
export function refreshEnd(file: LogFile, partition: Partition): void {
  const last = file.lastChunk(partition.topicId, partition.partition);
  partition.end = last?.nextOffset ?? partition.start;
  partition.lastTimeMs = Math.max(partition.lastTimeMs, last?.timeMs ?? 0);
}

export function openPartitions(file: LogFile, topic: string): Partition[] {
  const stored = file.topics.get(topic);
  return Array.from({ length: stored?.partitions ?? 0 }, (_, i) => {
    const empty = { topic, topicId: stored?.id ?? 0, partition: i, start: 0, end: 0, lastTimeMs: 0 };
    const partition: Partition = { ...empty, waiting: new Set() };
    refreshPartition(file, partition);
    return partition;
  });
}

/** Wakes those who wait for records of the partition. */
export function wakeWaiting({ waiting }: Partition): void {
  const all = [...waiting];
  waiting.clear();
  for (const wake of all) wake();
}

const holds = ({ baseOffset, nextOffset }: Chunk, offset: number): boolean =>
  offset >= baseOffset && offset < nextOffset;

/** Between the start of a partition and its end there are no gaps: one is damage, and nothing is handed over in its stead. */
function recordsMissing({ topic, partition }: Partition, offset: number): LogSetupError {
  return new LogSetupError(
    `The event log is damaged: it lacks ${topic}, partition ${partition}, from offset ${offset} on`,
  );
}

/** The record at an offset between the partition's start and its end. `LogSetupError` at damage. */
export function readRecord(file: LogFile, partition: Partition, offset: number): LogRecord {
  const chunk = file.readChunk(partition.topicId, partition.partition, offset);
  const record = chunk?.records[offset - chunk.baseOffset];
  if (!record) throw recordsMissing(partition, offset);
  return record;
}

/** Reads a partition in order; keeps the chunk that it is in the middle of. */
export interface PartitionCursor {
  /** Records from the offset on: one at least, if there is one below the partition's end. `LogSetupError` at damage. */
  read(offset: number, limit: { records: number; bytes: number }): LogRecord[];
}

export function createCursor(file: LogFile, partition: Partition): PartitionCursor {
  let chunk: Chunk | undefined;

  /** Makes `chunk` that of the offset; false if what is there cannot be read, or is missing. */
  function moveTo(offset: number, mustSucceed: boolean): boolean {
    if (chunk && holds(chunk, offset)) return true;
    try {
      chunk = file.readChunk(partition.topicId, partition.partition, offset);
    } catch (error) {
      if (mustSucceed) throw error;
      return false;
    }
    if (chunk && holds(chunk, offset)) return true;
    if (mustSucceed) throw recordsMissing(partition, offset);
    return false;
  }

  return {
    read(offset, limit) {
      const found: LogRecord[] = [];
      let bytes = 0;
      let next = offset;
      while (next < partition.end && found.length < limit.records) {
        if (!moveTo(next, found.length === 0) || !chunk) return found; // what comes before damage is given first
        for (const record of chunk.records.slice(Math.max(0, next - chunk.baseOffset))) {
          const size = (record.key?.length ?? 0) + (record.value?.length ?? 0);
          if (found.length >= limit.records || (found.length > 0 && bytes + size > limit.bytes)) return found;
          found.push(record);
          bytes += size;
        }
        next = chunk.nextOffset;
      }
      chunk = undefined; // read to its end: what is held now is the caller's alone
      return found;
    },
  };
}
