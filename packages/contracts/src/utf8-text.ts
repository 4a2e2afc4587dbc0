/** Of a byte within a text of JSON: 0 where it stands for itself, one more of ASCII. */
const SPECIAL = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < 0x20 || byte >= 0x80 || byte === 34 || byte === 92 ? 1 : 0,
);

/** Where the characters that stand for themselves end: at a quote, a backslash, a control, a byte of no ASCII, or `to`. */
export function plainEnd(bytes: Uint8Array, start: number, to: number): number {
  let at = start;
  while (at < to && SPECIAL[bytes[at] as number] === 0) at++;
  return at;
}

const follows = (byte: number | undefined): boolean => ((byte as number) & 0xc0) === 0x80;

/** After the character of several bytes that begins at `at`; -1 where it is none of UTF-8, as the Encoding Standard has it. */
export function sequenceEnd(bytes: Uint8Array, at: number, to: number): number {
  const first = bytes[at] as number;
  const second = bytes[at + 1] as number;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (first < 0xc2 || first > 0xf4 || at + length > to || !follows(second)) return -1;
  if (first === 0xe0 && second < 0xa0) return -1; // could be shorter
  if (first === 0xed && second > 0x9f) return -1; // half of a surrogate pair
  if (first === 0xf0 && second < 0x90) return -1;
  if (first === 0xf4 && second > 0x8f) return -1; // beyond U+10FFFF
  for (let i = 2; i < length; i++) if (!follows(bytes[at + i])) return -1;
  return at + length;
}

/** Where the text of JSON that begins at `start` ends, before its quote; -1 where it has escapes, or is none. */
export function plainTextEnd(bytes: Uint8Array, start: number, to: number): number {
  let at = plainEnd(bytes, start, to);
  while (at < to && (bytes[at] as number) >= 0x80) {
    at = sequenceEnd(bytes, at, to);
    if (at < 0) return -1;
    at = plainEnd(bytes, at, to);
  }
  return at < to && bytes[at] === 34 ? at : -1;
}
