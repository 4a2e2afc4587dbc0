import type { LoggedEvent } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';

/** The record of a judged event: its session's partition, and the event as it will be read. */
export function eventRecord(logged: LoggedEvent): NewRecord {
  return { key: logged.event.sessionId, value: Buffer.from(JSON.stringify(logged)) };
}
