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

let random: Uint8Array<ArrayBuffer> = new Uint8Array(0);
let used = 0;

/** A new UUIDv7 (RFC 9562): 48 bits of epoch milliseconds, then 74 random bits. */
export function uuidV7(timeMs: number): string {
  if (used + 10 > random.length) {
    random = crypto.getRandomValues(new Uint8Array(10 * 256)); // one call for many ids: it is the costly part
    used = 0;
  }
  const bytes = new Uint8Array(16);
  let rest = timeMs;
  for (let i = 5; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes.set(random.subarray(used, used + 10), 6);
  used += 10;
  return format(bytes, 7);
}

/** Epoch milliseconds inside a UUIDv7, or undefined if the UUID is of another version. */
export function uuidV7Time(uuid: string): number | undefined {
  if (uuid.charCodeAt(14) !== 0x37) return undefined; // '7'
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
