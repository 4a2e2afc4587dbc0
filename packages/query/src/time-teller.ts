import { isoTime } from './iso-time.ts';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const TWO_DIGITS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'));
const THREE_DIGITS = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, '0'));

/**
 * Tells times as `isoTime` does, for a stretch of events: it remembers the day of the last one, which makes it several times as
 * quick, and times are a third of what a line costs.
 */
export function createTimeTeller(): (ms: number) => string {
  let day = Number.NaN;
  /** Up to the hour. */
  let date = '';
  return (ms) => {
    const given = Math.floor(ms / DAY_MS);
    if (given !== day) {
      date = isoTime(given * DAY_MS).slice(0, -'00:00:00.000Z'.length);
      day = given;
    }
    const rest = ms - given * DAY_MS;
    const hour = TWO_DIGITS[Math.floor(rest / HOUR_MS)];
    const minute = TWO_DIGITS[Math.floor(rest / MINUTE_MS) % 60];
    const second = TWO_DIGITS[Math.floor(rest / 1000) % 60];
    return `${date}${hour}:${minute}:${second}.${THREE_DIGITS[rest % 1000]}Z`;
  };
}
