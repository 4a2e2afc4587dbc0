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

/** Of those, the ones that bit operations reach. */
const LOW_DIGITS = 8;
const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Writes so many of a number's last hex digits in place, of 8 at most. */
export function writeHex(target: Uint8Array, offset: number, digits: number, value: number): void {
  for (let at = offset + digits, rest = value >>> 0; at > offset; rest >>>= 4) target[--at] = HEX[rest & 15] as number;
}

/** Writes a counter, below 2⁴⁸, in place. */
export function writeCounter(target: Uint8Array, offset: number, counter: number): void {
  writeHex(target, offset, COUNTER_DIGITS - LOW_DIGITS, Math.floor(counter / 0x1_0000_0000));
  writeHex(target, offset + COUNTER_DIGITS - LOW_DIGITS, LOW_DIGITS, counter);
}

/** The counter of the run's id in a record's value; undefined if there is none. */
export function readCounter(value: Buffer, marker: Buffer): number | undefined {
  const found = value.indexOf(marker);
  if (found < 0) return undefined;
  const begin = found + marker.length;
  const text = value.toString('latin1', begin, begin + COUNTER_DIGITS);
  return /^[0-9a-f]{12}$/.test(text) ? Number.parseInt(text, 16) : undefined;
}
