import { parseRfc3339 } from './rfc3339.ts';

/** Below it a number counts seconds (until the year 5138), from it on milliseconds (since 1973). */
const MILLISECONDS_FROM = 1e11;
const LATEST_MS = 8.64e15;

/**
 * Epoch ms of a time as the predecessors took it: seconds or milliseconds, as a number or in digits; or RFC 3339, where
 * a zone may be absent and is then UTC. Undefined if it is none.
 */
export function looseTimeMs(time: unknown): number | undefined {
  if (typeof time === 'number') return fromNumber(time);
  if (typeof time !== 'string') return undefined;
  if (/^-?\d{1,17}(\.\d+)?$/.test(time)) return fromNumber(Number(time));
  return parseRfc3339(time) ?? parseRfc3339(`${time}Z`);
}

function fromNumber(time: number): number | undefined {
  const ms = Math.floor(Math.abs(time) < MILLISECONDS_FROM ? time * 1000 : time);
  return Math.abs(ms) <= LATEST_MS ? ms : undefined;
}
