import { LIMITS, ProblemError, parseRfc3339 } from '@wayline/contracts';
import type { TimeRange } from '@wayline/store';

/** The parameters of one request's address, read by name. Each method throws a `ProblemError` that names what is wrong. */
export interface Parameters {
  text(name: string): string | undefined;
  /** Epoch ms. */
  time(name: string): number | undefined;
  /** One of a few words. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined;
  /** `from` (inclusive) and `to` (exclusive). */
  range(): TimeRange;
  limit(): number;
  /** All that select what is listed: without `limit` and `cursor`. For telling lists apart. */
  selection(): [string, string][];
}

/** RFC 3339 has years of four digits: a later time could not be answered with. */
const LATEST_MS = Date.parse('9999-12-31T23:59:59.999Z');

const invalid = (detail: string): ProblemError => new ProblemError('invalid_request', detail);

/**
 * Reads the query string of a request.
 * @param query as Node or express parsed it: a text, or a list where a name was given several times
 * @param known the names that this address has; any other is refused, because a typo must not vanish
 */
export function readParameters(query: Readonly<Record<string, unknown>>, known: readonly string[]): Parameters {
  const given = new Map<string, string>();
  for (const [name, value] of Object.entries(query)) {
    if (!known.includes(name)) {
      const list = known.length > 0 ? `it has: ${known.join(', ')}` : 'it has none';
      throw invalid(`This address has no parameter \`${name}\`; ${list}.`);
    }
    if (typeof value !== 'string') throw invalid(`\`${name}\` must be given once.`);
    if (value === '') throw invalid(`\`${name}\` must not be empty.`);
    given.set(name, storable(name, value));
  }

  function time(name: string): number | undefined {
    const text = given.get(name);
    if (text === undefined) return undefined;
    const ms = /^\d{1,15}$/.test(text) ? Number(text) : parseRfc3339(text);
    if (ms !== undefined && ms <= LATEST_MS) return ms;
    const hint = / \d\d:\d\d$/.test(text) ? '; write the + of the zone as %2B' : '';
    throw invalid(
      `\`${name}\` must be an RFC 3339 time, such as 2026-01-05T12:00:00.000Z, or epoch milliseconds${hint}.`,
    );
  }

  return {
    text: (name) => given.get(name),
    time,
    choice(name, choices) {
      const text = given.get(name);
      if (text === undefined) return undefined;
      const choice = choices.find((each) => each === text);
      if (choice !== undefined) return choice;
      throw invalid(`\`${name}\` must be one of ${choices.join(', ')}.`);
    },
    range() {
      const range = { fromMs: time('from'), toMs: time('to') };
      if (range.fromMs === undefined || range.toMs === undefined || range.fromMs <= range.toMs) return range;
      throw invalid('`from` must not be after `to`.');
    },
    limit() {
      const text = given.get('limit');
      if (text === undefined) return LIMITS.listDefault;
      const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
      if (limit >= 1 && limit <= LIMITS.listMax) return limit;
      throw invalid(`\`limit\` must be a whole number from 1 to ${LIMITS.listMax}.`);
    },
    selection: () =>
      [...given]
        .filter(([name]) => name !== 'limit' && name !== 'cursor')
        .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  };
}

/** A text of the address that PostgreSQL could hold: one that it could not is in no row. */
export function storable(name: string, text: string): string {
  if (!text.includes('\0') && text.isWellFormed()) return text;
  throw invalid(`\`${name}\` must not contain NUL or half of a surrogate pair.`);
}
