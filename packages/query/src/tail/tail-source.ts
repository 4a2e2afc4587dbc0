import type { PartitionPosition, Reader, StoreLogger } from '@wayline/store';
import type { TailLimits } from './tail-limits.ts';
import type { TailCursors } from './tail-position.ts';

/** What the tail reads from, and how much of it. */
export interface TailSource {
  logId: string;
  /** Runs queries over one snapshot. */
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
  /** Makes new events be found quickly; resolves with false where it may not. */
  sumUp(times: { fromMs: number; toMs: number }): Promise<boolean>;
  /** The stored positions, in a snapshot or as they are now. */
  positions(reader?: Reader): Promise<PartitionPosition[]>;
  cursors: TailCursors;
  limits: TailLimits;
  logger: Pick<StoreLogger, 'warn'>;
}
