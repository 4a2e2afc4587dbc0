import type { Lease } from '@wayline/event-log';
import type { JudgedRecord } from '@wayline/store';
import { cutAfter, inHalves, type UnjudgedBatch } from './batch-parts.ts';

/** One batch on its way. It is `writing`, or waiting for its turn, or for a pause to end; then its lease may end it. */
export interface Job<Batch> {
  /** What is not stored yet, in order: the first is next. Never empty. */
  parts: Batch[];
  /** Of the first part, which is then a single record: it was refused as it is, and becomes a dead letter. */
  aside: JudgedRecord | undefined;
  lease: Lease;
  state: 'waiting' | 'writing' | 'pausing' | 'settled';
  /** In a row, of the first part. */
  failures: number;
  /** In a transaction of its own: what failed with others may not have failed for itself. */
  alone: boolean;
  /** Too many of its rows were refused: nothing more is put aside until a write succeeds. */
  stopped: boolean;
  resolve(nextOffset: number): void;
  reject(error: unknown): void;
}

/** What is to be written next of it. */
export const nextPart = <Batch>({ parts }: Pick<Job<Batch>, 'parts'>): Batch => parts[0] as Batch;

/** The first part of a job in two, if it can be. */
export function halve<Batch extends UnjudgedBatch>(job: Job<Batch>): void {
  if (nextPart(job).records.length > 1) job.parts.splice(0, 1, ...inHalves(nextPart(job)));
}

/** At most so many records of a job are next then; the rest of them comes after, in pieces of about the same size. */
export function limit<Batch extends UnjudgedBatch>(job: Job<Batch>, most: number): void {
  const { length } = nextPart(job).records;
  const pieces = Math.ceil(length / most);
  if (pieces > 1) job.parts.splice(0, 1, ...cutAfter(nextPart(job), Math.ceil(length / pieces)));
}

/** Records that the log has behind these jobs, in their partitions, as far as is known. */
export function unreadOf(jobs: readonly Job<UnjudgedBatch>[]): number {
  let unread = 0;
  for (const job of jobs) {
    const { nextOffset, endOffset = nextOffset } = nextPart(job);
    unread += endOffset - nextOffset;
  }
  return unread;
}

/** How long ago the log took the first of their records, ms: not less than 0, whatever the clocks say. */
export function ageOf(jobs: readonly Job<UnjudgedBatch>[], nowMs = Date.now()): number {
  return Math.max(0, ...jobs.map((job) => nowMs - (nextPart(job).records[0]?.timeMs ?? nowMs)));
}
