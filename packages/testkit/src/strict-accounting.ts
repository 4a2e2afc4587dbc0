import { Client } from 'pg';
import { DERIVED_TABLES } from './derived-tables.ts';

/** What is stored, held against what was acknowledged. All lists are empty and `unbalanced` is 0 where nothing is wrong. */
export interface Accounting {
  stored: number;
  /** Acknowledged ids that are not stored, or in the dead letters. */
  missing: string[];
  /** Ids that are stored more than once. */
  doubled: string[];
  /** Ids that are stored though they were never sent. */
  foreign: string[];
  deadLetters: number;
  /** Hours of the ledger in which read ≠ stored + duplicate + dead-lettered + erased. */
  unbalancedHours: number;
  /** Rows in `events` less what the ledger says was stored and not removed. */
  ledgerDifference: number;
  /** Sessions that differ from a recount over the events. */
  wrongSessions: string[];
  /** Rows of the other derived tables that do so, each as `table: key`. */
  wrongRows: string[];
  ledger: { read: number; stored: number; duplicate: number; expired: number };
}

/** Far more than a recount takes, so that who asks is told rather than left waiting. */
const QUERY_MS = 300_000;

const { sessions: recountSessions, ...OTHER_TABLES } = DERIVED_TABLES;

/**
 * The strict accounting after a run with faults: every acknowledged event exactly once, nothing that was never sent, the
 * ledger balanced, sessions and all other derived tables equal to a recount.
 * @param sent ids of all events that were sent, acknowledged or not; default: the acknowledged ones
 */
export async function accountFor(
  databaseUrl: string,
  acknowledged: ReadonlySet<string>,
  sent: ReadonlySet<string> = acknowledged,
): Promise<Accounting> {
  const client = new Client({ connectionString: databaseUrl, query_timeout: QUERY_MS });
  await client.connect();
  try {
    const many = async <T extends object>(sql: string): Promise<T[]> => (await client.query<T>(sql)).rows;
    const one = async <T extends object>(sql: string): Promise<T> => (await many<T>(sql))[0] as T;
    const events = await many<{ id: string; n: number }>(
      'SELECT event_id::text AS id, count(*)::int AS n FROM events GROUP BY event_id',
    );
    const stored = new Set(events.map(({ id }) => id));
    const { total, dead } = await one<{ total: number; dead: number }>(
      'SELECT (SELECT count(*) FROM events)::int AS total, (SELECT count(*) FROM dead_letters)::int AS dead',
    );
    const ledger = await one<Accounting['ledger'] & { removed: number; unbalanced: number }>(
      `SELECT coalesce(sum(read), 0)::int AS read, coalesce(sum(stored), 0)::int AS stored,
         coalesce(sum(duplicate), 0)::int AS duplicate, coalesce(sum(expired), 0)::int AS expired,
         coalesce(sum(removed), 0)::int AS removed,
         count(*) FILTER (WHERE read <> stored + duplicate + dead_lettered + erased)::int AS unbalanced FROM ledger`,
    );
    const wrongRows: string[] = [];
    for (const [table, recount] of Object.entries(OTHER_TABLES)) {
      for (const key of await recount(client)) wrongRows.push(`${table}: ${key}`);
    }
    const { removed, unbalanced, ...sums } = ledger;
    return {
      stored: total,
      missing: [...acknowledged].filter((id) => !stored.has(id)),
      doubled: events.filter(({ n }) => n > 1).map(({ id }) => id),
      foreign: [...stored].filter((id) => !sent.has(id)),
      deadLetters: dead,
      unbalancedHours: unbalanced,
      ledgerDifference: total - (sums.stored - removed),
      wrongSessions: await recountSessions(client),
      wrongRows,
      ledger: sums,
    };
  } finally {
    await client.end();
  }
}

/** What `accountFor` answers where nothing is wrong, for `toMatchObject`. */
export const NOTHING_WRONG = {
  missing: [],
  doubled: [],
  foreign: [],
  deadLetters: 0,
  unbalancedHours: 0,
  ledgerDifference: 0,
  wrongSessions: [],
  wrongRows: [],
} satisfies Partial<Accounting>;
