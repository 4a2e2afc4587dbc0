import { sha256 } from '@noble/hashes/sha2.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** True for the 36 characters of a UUID of any version, without prefix or braces. */
export function isUuid(text: string): boolean {
  return UUID.test(text);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function format(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] as number) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[bytes[i] as number];
  }
  return text;
}

const RANDOM_BYTES = 10;
const COUNTER_END = 2 ** 26;

// The state of `uuidV7`: random bytes got for many ids at once (the call is the costly part), and the last id given.
let random: Uint8Array<ArrayBuffer> = new Uint8Array(0);
let used = 0;
let lastMs = -1;
let counter = 0;

/**
 * A new UUIDv7 (RFC 9562): 48 bits of epoch milliseconds, a counter of 26 bits that begins at random, 48 random bits. Ids
 * that one process makes for the same millisecond, one after another, rise: so events without a time of their own
 * keep the order in which they came.
 */
export function uuidV7(timeMs: number): string {
  if (used + RANDOM_BYTES > random.length) {
    random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES * 256));
    used = 0;
  }
  const bytes = new Uint8Array(16);
  bytes.set(random.subarray(used, used + RANDOM_BYTES), 6);
  used += RANDOM_BYTES;

  counter++;
  if (timeMs !== lastMs || counter === COUNTER_END) {
    lastMs = timeMs;
    // The highest bit stays 0, so that there is room to count.
    counter = ((bytes[6] as number) << 17) | ((bytes[7] as number) << 9) | ((bytes[8] as number) << 1);
  }
  bytes[6] = counter >>> 22;
  bytes[7] = counter >>> 14;
  bytes[8] = (counter >>> 8) & 0x3f;
  bytes[9] = counter;

  let rest = timeMs;
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return format(bytes, 7);
}

/** Epoch milliseconds inside a UUIDv7, or undefined if the UUID is of another version or variant. */
export function uuidV7Time(uuid: string): number | undefined {
  if (uuid[14] !== '7' || !'89abAB'.includes(uuid[19] as string)) return undefined;
  return Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
}

/**
 * A UUIDv8 from SHA-256 of the parts: the same parts give the same id, in every process and version. Parts are written
 * with their lengths, so that ("a", "bc") and ("ab", "c") differ.
 */
export function uuidV8(...parts: readonly (string | number)[]): string {
  const text = parts.map((part) => `${String(part).length}:${part}`).join('');
  return format(sha256(new TextEncoder().encode(text)).slice(0, 16), 8);
}
