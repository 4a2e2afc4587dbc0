/** RFC 3339 to `2026-01-31 12:00:00.123`, UTC; a dash where there is none. */
export function dateTime(text: string | null | undefined): string {
  return text ? `${date(text)} ${time(text)}` : '–';
}

export const date = (text: string): string => new Date(text).toISOString().slice(0, 10);
export const time = (text: string): string => new Date(text).toISOString().slice(11, 23);
/** To the minute: `2026-01-31 12:00`. */
export const minute = (text: string): string => new Date(text).toISOString().slice(0, 16).replace('T', ' ');

/** A length of time in its two greatest units: `340 ms`, `12.5 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`. */
export function duration(exactMs: number): string {
  const ms = Math.round(exactMs);
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toString()} s`;
  const units: [number, string][] = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1000, 's'],
  ];
  const first = units.findIndex(([size]) => ms >= size);
  let rest = ms;
  return units
    .slice(first, first + 2)
    .flatMap(([size, name]) => {
      const count = Math.floor(rest / size);
      rest -= count * size;
      return count > 0 ? [`${count} ${name}`] : [];
    })
    .join(' ');
}

const NUMBER = new Intl.NumberFormat('en');
export const number = (value: number): string => NUMBER.format(value);

/** `1 event`, `2 events`. */
export const counted = (count: number, noun: string): string => `${number(count)} ${noun}${count === 1 ? '' : 's'}`;

/** What `datetime-local` holds, read as UTC, as the API wants it. */
export const fromInput = (text: string | undefined): string | undefined =>
  text ? `${text.slice(0, 16)}:00Z` : undefined;
