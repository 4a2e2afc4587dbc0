import fc from 'fast-check';

/** One change to bytes; `place` counts round, so that it fits whatever it is applied to. */
export interface Damage {
  how: 'flip' | 'set' | 'insert' | 'remove' | 'double' | 'cut';
  place: number;
  /** Of what is removed, doubled, or cut off at the end. */
  length: number;
  byte: number;
}

const one: fc.Arbitrary<Damage> = fc.record({
  // A cut leaves the least to look at, so there are fewer of them.
  how: fc.constantFrom('flip', 'flip', 'set', 'set', 'insert', 'insert', 'remove', 'double', 'cut'),
  place: fc.nat(1 << 20),
  length: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 200 })),
  byte: fc.nat(255),
});

/** One change, or a few. */
export const damages = (maxLength = 4): fc.Arbitrary<Damage[]> => fc.array(one, { minLength: 1, maxLength });

/** The bytes with all changes made, one after the other; a new buffer. */
export function damage(bytes: Buffer, changes: readonly Damage[]): Buffer {
  let result: Buffer = Buffer.from(bytes);
  for (const change of changes) result = damageOnce(result, change);
  return result;
}

function damageOnce(bytes: Buffer, { how, place, length, byte }: Damage): Buffer {
  const at = place % Math.max(1, bytes.length);
  const before = bytes.subarray(0, at);
  switch (how) {
    case 'flip':
      return Buffer.concat([before, Buffer.from([(bytes[at] ?? 0) ^ (1 << (byte % 8))]), bytes.subarray(at + 1)]);
    case 'set':
      return Buffer.concat([before, Buffer.from([byte]), bytes.subarray(at + 1)]);
    case 'insert':
      return Buffer.concat([before, Buffer.from([byte]), bytes.subarray(at)]);
    case 'remove':
      return Buffer.concat([before, bytes.subarray(at + length)]);
    case 'double':
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    case 'cut':
      return bytes.subarray(0, Math.max(0, bytes.length - length));
  }
}
