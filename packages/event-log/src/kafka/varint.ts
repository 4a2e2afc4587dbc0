/** How many bytes a number takes as a varint (zigzag, seven bits a byte); from 0 to 2^30. */
export function varintBytes(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x2000) return 2;
  if (value < 0x10_0000) return 3;
  return value < 0x800_0000 ? 4 : 5;
}

/** Writes a number from 0 to 2^30 as a varint, and answers with the place after it. */
export function writeVarint(target: Uint8Array, value: number, at: number): number {
  let rest = value * 2;
  let i = at;
  while (rest > 0x7f) {
    target[i++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[i++] = rest;
  return i;
}
