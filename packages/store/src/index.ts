export * from './dead-letters/index.ts';
export * from './erasure/index.ts';
export * from './export/export-user.ts';
export { readEvents } from './export/read-events.ts';
export type { EventSelection } from './export/select-events.ts';
export { freeMarks } from './hops/free-marks.ts';
export { remakeHops } from './hops/remake-hops.ts';
export { findProject, insertProject, type ProjectRow, renameProject } from './identity/projects.ts';
export {
  findWriteKey,
  findWriteKeysById,
  insertWriteKey,
  type ListedWriteKey,
  listWriteKeys,
  revokeWriteKey,
  type WriteKeyRow,
} from './identity/write-keys.ts';
export { inTransaction } from './in-transaction.ts';
export * from './maintenance/index.ts';
export { checkSchema, type MigrateOptions, migrate, SchemaTooNewError, schemaFingerprint } from './migrate.ts';
export { inlineNameId, NAME_KINDS, nameId, PLATFORMS, SOURCE_KINDS, type Source, sourceId } from './names.ts';
export { ping } from './ping.ts';
export { createKeptPlans, type KeptPlans } from './planned-once.ts';
export { createPool, type Pool, type PoolOptions, type StoreLogger } from './pool.ts';
export * from './queries/index.ts';
export { classifyReadFault, type ReadFault } from './read-fault.ts';
export { type LongReader, readLong } from './read-long.ts';
export { type Reader, type ReadOptions, readOnly } from './read-only.ts';
export { readWrite, type Writer } from './read-write.ts';
export { findReaderRole, READER_ROLE, SECRET_TABLES } from './reader-role.ts';
export {
  changeSetting,
  readSetting,
  republishSettings,
  type SettingPatch,
} from './settings/change-settings.ts';
export {
  hasUnpublishedSettings,
  publishedSettings,
  publishSettings,
  type SettingRow,
} from './settings/publish-settings.ts';
export { readSettings } from './settings/read-settings.ts';
export { StoreSetupError, type StoreSetupReason } from './setup-error.ts';
export { measurePressure, type Pressure } from './throttle/measure-pressure.ts';
export { changeThrottle, readThrottle, type StoredThrottle, type ThrottlePatch } from './throttle/throttle-settings.ts';
export { type RecordedCounts, recordUserCounts } from './user-counts/record-user-counts.ts';
export { type CheckResult, type Difference, type VerifyRange, verifyStored } from './verify/verify-stored.ts';
export { BatchWriter, type BatchWriterOptions, type TransactionTimeouts } from './write/batch-writer.ts';
export { classifyStoreError, FAILURE_CLASSES, type FailureClass, type Remedy } from './write/error-class.ts';
export { EventTable } from './write/event-table.ts';
export type { DeadLetter, JudgedRecord, PartitionBatch, StorableEvent, StoredCounts } from './write/partition-batch.ts';
export {
  ensurePosition,
  type PositionKey,
  PositionMovedError,
  readPosition,
  type StoredPosition,
  skipExpired,
} from './write/positions.ts';
export { recordChecksum } from './write/record-checksum.ts';
