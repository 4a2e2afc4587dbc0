export { applyRetention, type RetentionOptions, type RetentionReport } from './apply-retention.ts';
export { withBackgroundLock } from './background-lock.ts';
export { compactRollups } from './compact-rollups.ts';
export { type LogProgress, noteLogProgress, readLogProgress } from './log-progress.ts';
export { makePartitionsAhead } from './make-partitions.ts';
export type { Pacing } from './pacing.ts';
export { sumUpBatches, sumUpGrown } from './sum-up-batches.ts';
