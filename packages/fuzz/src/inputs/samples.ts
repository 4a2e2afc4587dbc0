import fc from 'fast-check';

const AT_ONCE = 250;

/** So many values of an arbitrary, the same for the same seed; a few at a time, so that memory stays small. */
export function* samples<T>(arbitrary: fc.Arbitrary<T>, many: number, seed: number): Generator<T, void, undefined> {
  for (let made = 0; made < many; made += AT_ONCE) {
    yield* fc.sample(arbitrary, { numRuns: Math.min(AT_ONCE, many - made), seed: seed + made });
  }
}
