import { isoTime } from './iso-time.ts';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

const two = (n: number): string => (n < 10 ? `0${n}` : `${n}`);
const three = (n: number): string => (n < 100 ? `0${two(n)}` : `${n}`);

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
    let rest = ms - given * DAY_MS;
    const hour = Math.floor(rest / HOUR_MS);
    rest -= hour * HOUR_MS;
    const minute = Math.floor(rest / MINUTE_MS);
    rest -= minute * MINUTE_MS;
    const second = Math.floor(rest / 1000);
    return `${date}${two(hour)}:${two(minute)}:${two(second)}.${three(rest - second * 1000)}Z`;
  };
}
