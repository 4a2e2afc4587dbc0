import { UsageError } from '../errors.ts';

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

/** Seconds of `90s`, `15m`, `12h` or `30d`. */
export function parseDuration(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,8})([smhd])$/.exec(text) ?? [];
  if (!count)
    throw new UsageError(`A duration is a whole number and s, m, h or d, such as 30d, which "${text}" is not.`);
  return Number(count) * SECONDS[unit as keyof typeof SECONDS];
}
