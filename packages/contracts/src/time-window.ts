import { eventTimes, occurredAtMs } from './event-times.ts';
import { LIMITS } from './limits.ts';
import type { EventError } from './problem.ts';

/** Which corrected times a key may write. */
export interface TimeWindow {
  earliestMs: number;
  latestMs: number;
}

const DAY_MS = 86_400_000;

/**
 * The window at the moment of receipt: 90 days back, and 24 h ahead. Keys that allow import may go back to 2000, or for as
 * long as the project keeps its events.
 */
export function timeWindow(
  receivedMs: number,
  options: { allowImport: boolean; pastDays?: number; retentionDays?: number },
): TimeWindow {
  const { allowImport, pastDays = LIMITS.pastDays, retentionDays = Number.POSITIVE_INFINITY } = options;
  return {
    earliestMs: allowImport
      ? Math.max(LIMITS.importFromMs, receivedMs - retentionDays * DAY_MS)
      : receivedMs - pastDays * DAY_MS,
    latestMs: receivedMs + LIMITS.futureHours * 3_600_000,
  };
}

/** The times that RFC 3339 can write: the years 0000 to 9999, epoch ms. */
const FIRST_MS = -62_167_219_200_000;
const LAST_MS = 253_402_300_799_999;

/** What is wrong with a time of the right shape, if RFC 3339 could not write it; else undefined. */
export function timeRangeError(time: string | number | undefined, pointer: string): EventError | undefined {
  const ms = occurredAtMs(time);
  if (ms === undefined || (ms >= FIRST_MS && ms <= LAST_MS)) return undefined;
  return { pointer, code: 'out_of_range', message: 'must lie in the years 0000 to 9999' };
}

const shownTime = (ms: number): string => (Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`);

/** What is wrong with the time of a valid event that has its id; undefined if the corrected time lies in the window. */
export function timeError(
  event: { eventId: string; occurredAt?: string | number },
  received: { receivedMs: number; skewMs: number },
  window: TimeWindow,
): EventError | undefined {
  const { correctedMs } = eventTimes(event, received.receivedMs, received.skewMs);
  if (correctedMs >= window.earliestMs && correctedMs <= window.latestMs) return undefined;
  const pointer = event.occurredAt === undefined ? '/eventId' : '/occurredAt';
  const seconds =
    typeof event.occurredAt === 'number' && event.occurredAt > 9e8 && event.occurredAt < 1e10
      ? '; it looks like epoch seconds, milliseconds are expected'
      : '';
  const corrected = `corrected to ${shownTime(correctedMs)}`;
  return correctedMs < window.earliestMs
    ? {
        pointer,
        code: 'time_too_old',
        message: `${corrected}, before ${shownTime(window.earliestMs)}, the earliest that this key may write${seconds}`,
      }
    : {
        pointer,
        code: 'time_too_new',
        message: `${corrected}, after ${shownTime(window.latestMs)}, the latest that is accepted`,
      };
}
