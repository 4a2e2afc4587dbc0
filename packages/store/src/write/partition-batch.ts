import type { EventTimes, IdentifiedEvent } from '@wayline/contracts';

/** An event that PostgreSQL can hold. */
export interface StorableEvent {
  event: IdentifiedEvent;
  receivedMs: number;
  times: EventTimes;
}

/** Why a record can never be stored, and its ids as far as they could be read. */
export interface DeadLetter {
  code: string;
  detail: string;
  eventId?: string | undefined;
  sessionId?: string | undefined;
}

/** The bytes of a record as the log has them. */
export interface OriginalRecord {
  key: Buffer | null;
  value: Buffer | null;
  headers: Readonly<Record<string, Buffer>>;
}

/** A record of the log with what is to become of it. */
export interface JudgedRecord {
  offset: number;
  /** The log's time of the record, epoch ms. */
  timeMs: number;
  /** 0 where the project cannot be told. */
  projectId: number;
  original: OriginalRecord;
  verdict: { store: StorableEvent } | TableRow | { deadLetter: DeadLetter } | Erased;
}

/** The event stands in the table that the writer is given with the batch. */
export interface TableRow {
  row: number;
}

/** The record is of a user who was erased: it is counted, and nothing of it is kept. Given by the writer itself. */
export interface Erased {
  erased: true;
}

/** What one transaction takes from one partition of the log. */
export interface PartitionBatch {
  topic: string;
  partition: number;
  /** Where the partition's stored position must stand. */
  firstOffset: number;
  /** Where the transaction moves it to. */
  nextOffset: number;
  /** In order, at least one. */
  records: readonly JudgedRecord[];
}

export const lastRecord = ({ records }: PartitionBatch): JudgedRecord => records.at(-1) as JudgedRecord;

export interface StoredCounts {
  stored: number;
  duplicate: number;
  deadLettered: number;
  /** Dropped for the sake of an erasure; absent where there was none. */
  erased?: number;
}

/** What a transaction takes of one batch, by project and hour of the log, and what becomes of it. */
export interface Share extends Required<StoredCounts> {
  projectId: number;
  /** Of the log's time, epoch ms. */
  hourMs: number;
  batch: PartitionBatch;
  batchId: number;
  read: number;
  /** Between which times of their keys its events lie that were stored, epoch ms; Infinity and -Infinity where none was. */
  fromMs: number;
  toMs: number;
}
