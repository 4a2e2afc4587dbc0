import { LIMITS } from './limits.ts';
import { parseRfc3339 } from './rfc3339.ts';
import { uuidV7Time } from './uuid.ts';

/** The times of an event, epoch ms. See the contract, "Time". */
export interface EventTimes {
  /** The time in the primary key, and `occurredAt` as it is shown. */
  keyMs: number;
  /** Added to the key's time to get the corrected time. 0 where the key's time is the corrected one. */
  skewMs: number;
  /** keyMs + skewMs: what ranges, orders and hours go by. */
  correctedMs: number;
  /**
   * True where a retry might not meet the same key (no time of the sender's own, or a clock far off): the worker then
   * claims the event's id beside the row.
   */
  claim: boolean;
}

/** Epoch ms of `occurredAt` in any permitted form; undefined if it is absent. The event must be valid. */
export function occurredAtMs(occurredAt: string | number | undefined): number | undefined {
  if (occurredAt === undefined) return undefined;
  return typeof occurredAt === 'number' ? Math.floor(occurredAt) : parseRfc3339(occurredAt);
}

/** `occurredAt` of a valid event as RFC 3339 in UTC with milliseconds: 24 characters. */
export function normalizeOccurredAt(occurredAt: string | number): string {
  const isNormal =
    typeof occurredAt === 'string' &&
    occurredAt.length === 24 &&
    occurredAt[10] === 'T' &&
    occurredAt[19] === '.' &&
    occurredAt[23] === 'Z' &&
    occurredAt[17] !== '6'; // no leap second
  return isNormal ? occurredAt : new Date(occurredAtMs(occurredAt) as number).toISOString();
}

/**
 * Which times an event has: the same for every retry that carries the same `eventId` and `occurredAt`.
 * @param event `eventId` must be set
 * @param receivedMs when the request's head arrived, or the record's log time
 * @param skewMs receivedAt − sentAt where that is over 5 s, else 0
 */
export function eventTimes(
  event: { eventId: string; occurredAt?: string | number },
  receivedMs: number,
  skewMs: number,
): EventTimes {
  return timesOf(occurredAtMs(event.occurredAt) ?? uuidV7Time(event.eventId), receivedMs, skewMs);
}

/**
 * The same of the time that the sender gave the event, epoch ms: its `occurredAt`, or else the one inside its UUIDv7.
 * @param senders undefined where there is none
 */
export function timesOf(senders: number | undefined, receivedMs: number, skewMs: number): EventTimes {
  if (senders === undefined) return { keyMs: receivedMs, skewMs: 0, correctedMs: receivedMs, claim: true };
  const correctedMs = senders + skewMs;
  const distance = Math.abs(skewMs);
  if (distance > LIMITS.skewReplaceMs) return { keyMs: correctedMs, skewMs: 0, correctedMs, claim: true };
  return { keyMs: senders, skewMs, correctedMs, claim: distance > LIMITS.skewClaimMs };
}

/** receivedAt − sentAt where the clocks differ by more than the tolerance, else 0. */
export function clockSkewMs(receivedMs: number, sentMs: number | undefined): number {
  const skew = sentMs === undefined ? 0 : receivedMs - sentMs;
  return Math.abs(skew) > LIMITS.skewToleranceMs ? skew : 0;
}
