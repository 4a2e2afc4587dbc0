import { randomBytes } from 'node:crypto';

/** How many hex digits at the end of an id count. */
export const COUNTER_DIGITS = 12;

/**
 * The ids of one run: UUIDs that end in a counter, so that which of them were acknowledged and which are in the log can
 * be kept in a few bits each. `marker` stands before the counter, and is nowhere else in an event.
 */
export interface RunIds {
  marker: string;
  /** All of an id but its counter. */
  prefix: string;
}

export function newRunIds(nowMs = Date.now()): RunIds {
  const time = nowMs.toString(16).padStart(12, '0');
  const tag = randomBytes(3).toString('hex');
  const marker = `-7${tag.slice(0, 3)}-a${tag.slice(3)}-`;
  return { marker, prefix: `${time.slice(0, 8)}-${time.slice(8)}${marker}` };
}

const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Writes a counter, below 2⁴⁸, in place. */
export function writeCounter(target: Uint8Array, offset: number, counter: number): void {
  let low = counter >>> 0;
  let high = Math.floor(counter / 0x1_0000_0000);
  let at = offset + COUNTER_DIGITS;
  for (let i = 0; i < 8; i++, low >>>= 4) target[--at] = HEX[low & 15] as number;
  for (let i = 0; i < 4; i++, high >>>= 4) target[--at] = HEX[high & 15] as number;
}

/** The counter of the run's id in a record's value; undefined if there is none. */
export function readCounter(value: Buffer, marker: Buffer): number | undefined {
  const found = value.indexOf(marker);
  if (found < 0) return undefined;
  const begin = found + marker.length;
  const text = value.toString('latin1', begin, begin + COUNTER_DIGITS);
  return /^[0-9a-f]{12}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}
