import type { EventTable } from '../write/event-table.ts';
import type { JudgedRecord } from '../write/partition-batch.ts';

/** Of which users a record of the log tells, and when it was received, epoch ms. */
export interface RecordUsers {
  userIds: string[];
  receivedMs: number;
}

/**
 * Reads them of a record whatever was decided about it: a dead letter may carry a user, too. Of the times of its receipt and
 * of the log the earlier one: a replayed record keeps the time at which it was first received.
 */
export function recordUsers({ verdict, timeMs, original }: JudgedRecord, table: EventTable): RecordUsers {
  if ('row' in verdict) {
    const { row } = verdict;
    return { userIds: table.userIdsOf(row), receivedMs: Math.min(timeMs, table.receivedMs(row)) };
  }
  if ('store' in verdict) {
    const { event, receivedMs } = verdict.store;
    return { userIds: usersOf(event), receivedMs: Math.min(timeMs, receivedMs) };
  }
  const { userIds = [], receivedMs = timeMs } = valueUsers(original.value) ?? {};
  return { userIds, receivedMs: Math.min(timeMs, receivedMs) };
}

/**
 * The same of the bytes of a value: an event as ingest writes it, or as a service does.
 * @returns undefined where it is no JSON object
 */
export function valueUsers(value: Buffer | null): { userIds: string[]; receivedMs: number | undefined } | undefined {
  const json = value && parse(value);
  if (!isObject(json)) return undefined;
  const receivedMs = Number.isSafeInteger(json.receivedAt) ? (json.receivedAt as number) : undefined;
  const userIds = new Set<string>();
  collectUsers(json, userIds, MAX_DEPTH);
  return { userIds: [...userIds], receivedMs };
}

const MAX_DEPTH = 8;

/** What became a dead letter may have the id under a name that is not quite right: `user`, `user_id`. */
function collectUsers(json: Record<string, unknown>, found: Set<string>, depth: number): void {
  for (const [name, value] of Object.entries(json)) {
    if (typeof value === 'string' && value !== '' && /user|anonym/i.test(name)) found.add(value);
    else if (isObject(value) && depth > 0) collectUsers(value, found, depth - 1);
  }
}

const usersOf = (event: { userId?: unknown; anonymousId?: unknown }): string[] =>
  [event.userId, event.anonymousId].filter((id): id is string => typeof id === 'string' && id !== '');

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Behind the frame of a schema registry (a zero byte and an id of four), if there is one. */
function parse(value: Buffer): unknown {
  try {
    return JSON.parse((value[0] === 0 ? value.subarray(5) : value).toString());
  } catch {
    return undefined;
  }
}
