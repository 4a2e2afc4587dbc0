const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** 400 years, after which the calendar repeats. */
const CYCLE_MS = 146_097 * 86_400_000;

const daysOf = (year: number, month: number): number =>
  month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : (DAYS[month - 1] ?? 0);

/** The number that the digits in [from, to) write; NaN if one of them is none. */
function digits(text: string, from: number, to: number): number {
  let number = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    number = number * 10 + digit;
  }
  return number;
}

const isDigit = (text: string, at: number): boolean => !Number.isNaN(digits(text, at, at + 1));

/** Milliseconds that the zone at the end of a date-time is ahead of UTC; NaN if it is none. */
function zoneOffsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  if (zone.length !== 6 || zone[3] !== ':' || (zone[0] !== '+' && zone[0] !== '-')) return Number.NaN;
  const hours = digits(zone, 1, 3);
  const minutes = digits(zone, 4, 6);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (zone[0] === '-' ? -60_000 : 60_000) * (hours * 60 + minutes);
}

// The day asked for last: those of a batch are most often one.
let lastDate = -1;
let lastDayMs: number | undefined;

/** Epoch ms at which a day begins in UTC, of the years from 1000 on; undefined where there is no such day. */
export function utcDayMs(year: number, month: number, day: number): number | undefined {
  const date = (year * 100 + month) * 100 + day;
  if (date !== lastDate) {
    lastDate = date;
    lastDayMs = day >= 1 && day <= daysOf(year, month) ? Date.UTC(year, month - 1, day) : undefined;
  }
  return lastDayMs;
}

// The text read last: each of an event's times is asked for several times in a row.
let lastText = '';
let lastTime: number | undefined;

/**
 * Epoch milliseconds of an RFC 3339 date-time (`T` or `t` or a blank between date and time, any number of digits of a
 * second), or undefined if the text is none. Digits below a millisecond are cut off; a leap second (:60, allowed in the
 * last minute of a UTC day) is the first instant after it, as in POSIX time.
 */
export function parseRfc3339(text: string): number | undefined {
  if (text !== lastText) {
    lastTime = read(text);
    lastText = text;
  }
  return lastTime;
}

function read(text: string): number | undefined {
  // By hand and not by a regular expression, because it runs several times for every event.
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  if (text[4] !== '-' || text[7] !== '-' || text[13] !== ':' || text[16] !== ':') return undefined;
  if (text[10] !== 'T' && text[10] !== 't' && text[10] !== ' ') return undefined;
  if (!(year >= 0 && day >= 1 && day <= daysOf(year, month))) return undefined;
  if (!(hour <= 23 && minute <= 59 && second <= 60)) return undefined;

  let zoneAt = 19;
  let milliseconds = 0;
  if (text[19] === '.') {
    zoneAt = 20;
    for (let unit = 100; isDigit(text, zoneAt); zoneAt++, unit /= 10) {
      if (unit >= 1) milliseconds += unit * digits(text, zoneAt, zoneAt + 1);
    }
    if (zoneAt === 20) return undefined;
  }
  const offsetMs = zoneOffsetMs(text.slice(zoneAt));
  if (Number.isNaN(offsetMs)) return undefined;

  const leap = second === 60;
  // Date.UTC takes the years 0 to 99 for 1900 to 1999: so the same day of the next cycle of the calendar, and back.
  const time =
    Date.UTC(year + 400, month - 1, day, hour, minute, second, leap ? 0 : milliseconds) - CYCLE_MS - offsetMs;
  return leap && time % 86_400_000 !== 0 ? undefined : time;
}
