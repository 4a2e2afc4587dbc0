/**
 * What stands in examples in place of times: the description is told the time of its making, so that an example lies in the
 * window that a key may write.
 */
export const SAMPLE = {
  time: '2026-01-05T12:00:00.000Z',
  seconds: 1_767_614_400,
  from: '2026-01-04T12:00:00.000Z',
  to: '2026-01-06T12:00:00.000Z',
} as const;

const DAY_MS = 86_400_000;

/** The example with its times set around a moment, epoch ms. */
export function sampleAt<T>(example: T, atMs: number): T {
  const seconds = Math.floor(atMs / 1000);
  const iso = (ms: number) => new Date(ms).toISOString();
  const replaced = (value: unknown): unknown => {
    if (value === SAMPLE.seconds) return seconds;
    if (typeof value === 'string') {
      return value
        .replaceAll(SAMPLE.time, iso(seconds * 1000))
        .replaceAll(SAMPLE.from, iso(seconds * 1000 - DAY_MS))
        .replaceAll(SAMPLE.to, iso(seconds * 1000 + DAY_MS));
    }
    if (Array.isArray(value)) return value.map(replaced);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, replaced(member)]));
  };
  return replaced(example) as T;
}
