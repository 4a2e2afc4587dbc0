export * from './error-codes.ts';
export type { WaylineEvent } from './event.generated.ts';
export { eventSchema } from './event-schema.ts';
export * from './event-times.ts';
export { claimedIds, judgeDirectEvent, type RecordPlace, recordEventId } from './judge-direct-event.ts';
export { LIMITS } from './limits.ts';
export type { IdentifiedEvent, LoggedEvent } from './logged-event.ts';
export { LoggedEventScanner, SCANNED } from './logged-event-scanner.ts';
export { looseTimeMs } from './loose-time.ts';
export * from './problem.ts';
export { isSource, readLoggedEvent } from './read-logged-event.ts';
export { type RecordRefusal, readRecordValue } from './read-record-value.ts';
export { directSubject, eventsSubject, REGISTRY_COMPATIBILITY, type RegistrySubject } from './registry-subjects.ts';
export { parseRfc3339 } from './rfc3339.ts';
export { schemaFrame, schemaIdOf } from './schema-frame.ts';
export { sessionEndSchema, sessionStartSchema } from './session-schemas.ts';
export {
  type KeySetting,
  keySettingKey,
  type Limits,
  type ProjectSetting,
  parseSettingKey,
  projectSettingKey,
  type StoredSetting,
} from './setting-records.ts';
export { storableTimeRefusal } from './storable-time.ts';
export { type TimeWindow, timeError, timeWindow } from './time-window.ts';
export { KEY_HEADER, REPLAY_HEADER, REQUEST_ID_HEADER, TOPICS } from './topics.ts';
export { isUuid, uuidV7, uuidV7Time, uuidV8 } from './uuid.ts';
export { createEventValidator, type EventValidator } from './validate-event.ts';
export {
  createSessionValidator,
  type SessionEnd,
  type SessionStart,
  type SessionValidator,
} from './validate-session.ts';
