import fc from 'fast-check';

/** Values that have broken such code before. */
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, true, 0, -1, 1e20, 1e300, '', '\0', '\ud800', '__proto__', '9999-12-31T23:59:59-23:59'),
  fc.constantFrom('0000-01-01T00:00:00+23:59', 'x'.repeat(3000), [], {}, [{}], { a: { b: {} } }),
  fc.jsonValue({ maxDepth: 4 }),
);

/** A valid value of which some members, at any depth, are another value, gone, or named otherwise. */
export const changedJson = (valid: object): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .array(fc.tuple(fc.nat(1000), oddValue, fc.constantFrom('set', 'delete', 'rename')), { maxLength: 4 })
    .map((changes) => {
      const copy = structuredClone(valid) as Record<string, unknown>;
      for (const [choice, value, how] of changes) {
        const places = placesIn(copy);
        const place = places[choice % places.length];
        if (!place) continue;
        const [owner, name] = place;
        if (how === 'set') owner[name] = structuredClone(value);
        else if (how === 'delete') delete owner[name];
        else define(owner, `${name}X`, structuredClone(value));
      }
      return copy;
    });

function placesIn(value: Record<string, unknown>): [Record<string, unknown>, string][] {
  return Object.keys(value).flatMap((name) => {
    const member = value[name];
    const below = typeof member === 'object' && member !== null ? placesIn(member as Record<string, unknown>) : [];
    return [[value, name], ...below] as [Record<string, unknown>, string][];
  });
}

/** Sets a member of whatever name, `__proto__` too. */
function define(owner: object, name: string, value: unknown): void {
  Object.defineProperty(owner, name, { value, enumerable: true, configurable: true, writable: true });
}
