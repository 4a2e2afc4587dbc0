import { TOPICS } from '@wayline/contracts';
import { wrongRollups } from '@wayline/testkit';
import type { Client } from 'pg';
import type { LogContent } from '../load/run-fill-job.ts';

/** What is stored, held against what stands in the log. */
export interface StoreComparison {
  /** In the log. */
  records: number;
  /** Different ones among them. */
  events: number;
  /** Rows in `events`. */
  stored: number;
  /** By the ledger. */
  duplicate: number;
  deadLettered: number;
  /** Sentences about what is wrong; none where every event is stored exactly once and the ledger balances. */
  faults: string[];
}

interface Found {
  stored: number;
  ids: number;
  idSum: string;
  inSessions: number;
  read: number;
  bookedStored: number;
  duplicate: number;
  deadLettered: number;
  unbalanced: number;
}

const SQL = `
  SELECT e.*, s.*, l.* FROM
    (SELECT count(*)::float8 AS stored, count(DISTINCT event_id)::float8 AS ids,
       coalesce(sum(('x' || right(event_id::text, 12))::bit(48)::bigint), 0)::text AS "idSum" FROM events) e,
    (SELECT coalesce(sum(event_count), 0)::float8 AS "inSessions" FROM sessions) s,
    (SELECT coalesce(sum(read), 0)::float8 AS read, coalesce(sum(stored), 0)::float8 AS "bookedStored",
       coalesce(sum(duplicate), 0)::float8 AS duplicate, coalesce(sum(dead_lettered), 0)::float8 AS "deadLettered",
       (count(*) FILTER (WHERE read <> stored + duplicate + dead_lettered + erased))::float8 AS unbalanced
     FROM ledger WHERE topic = $1) l`;

/** For a database into which nothing but this content was stored. */
export async function compareWithStore(
  client: Client,
  content: LogContent,
  topic: string = TOPICS.events,
): Promise<StoreComparison> {
  const { rows } = await client.query<Found>(SQL, [topic]);
  const found = rows[0] as Found;
  const { records, events } = content;
  const { stored, duplicate, deadLettered } = found;
  return { records, events, stored, duplicate, deadLettered, faults: faultsOf(content, found) };
}

function faultsOf({ records, events, idSum }: LogContent, found: Found): string[] {
  const expected: [holds: boolean, fault: string][] = [
    [found.stored === events, `${found.stored} rows of ${events} events are stored`],
    [found.ids === found.stored, `${found.stored - found.ids} rows have an id that another has`],
    [found.idSum === idSum, 'the ids that are stored are not those in the log'],
    [found.inSessions === found.stored, `the sessions count ${found.inSessions} events of ${found.stored}`],
    [found.read === records, `the ledger has ${found.read} records of ${records} as read`],
    [found.bookedStored === found.stored, `the ledger has ${found.bookedStored} as stored, of ${found.stored} rows`],
    [found.duplicate === records - events, `the ledger has ${found.duplicate} duplicates, of ${records - events}`],
    [found.deadLettered === 0, `${found.deadLettered} records became dead letters`],
    [found.unbalanced === 0, `${found.unbalanced} rows of the ledger do not balance`],
  ];
  return expected.flatMap(([holds, fault]) => (holds ? [] : fault));
}

/** Sentences about rollups and uniques that are not what a recount over the events gives; takes as long as that. */
export async function rollupFaults(client: Client): Promise<string[]> {
  const wrong = await wrongRollups(client);
  return wrong.length === 0 ? [] : [`the rollups are not what a recount gives, the first of them: ${wrong[0]}`];
}
