import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'pg';

/** One of the queries that people wait for, with paths to choose from. */
export interface AskedQuery {
  name: string;
  paths: readonly string[];
}

/** How long answers took, µs, by the query's name, and of all of them under `all`. */
export type QueryTimes = ReadonlyMap<string, RecordableHistogram>;

export interface QueryLoadOptions {
  url: string;
  token: string;
  queries: readonly AskedQuery[];
  /** Aborted when it is to end. */
  signal: AbortSignal;
}

export interface QueryLoadReport {
  times: QueryTimes;
  /** Answers that were none of 200. */
  refused: number;
}

const ALL_QUERIES = 'all';

/** Few, as of people at a dashboard: what is asked must not be what makes it slow. */
const LANES = 2;
const PAUSE_MS = 5;
const LONGEST_MICROS = 120_000_000;
const SAMPLES = 400;

/** Sessions, machines and users of what is stored, and how they are asked for. */
export async function findQueries(client: Client): Promise<AskedQuery[]> {
  const { rows } = await client.query<{ session: string; machine: string | null; user: string | null }>(
    `SELECT session_id AS session, machine_id AS machine, user_id AS user FROM sessions
     ORDER BY hashtext(session_id) LIMIT ${SAMPLES}`,
  );
  const paths = (pick: (row: (typeof rows)[number]) => string | null, path: (id: string) => string) =>
    rows.flatMap((row) => pick(row) ?? []).map((id) => path(encodeURIComponent(id)));
  const sessions = (rest: string) =>
    paths(
      ({ session }) => session,
      (id) => `/v1/sessions/${id}${rest}`,
    );
  const found = [
    { name: 'session summary', paths: sessions('') },
    { name: 'events page', paths: sessions('/events?limit=100') },
    { name: 'components', paths: sessions('/components') },
    { name: 'navigation', paths: sessions('/navigation') },
    { name: 'session list', paths: ['/v1/sessions?limit=100'] },
    {
      name: 'sessions of a user',
      paths: paths(
        ({ user }) => user,
        (id) => `/v1/users/${id}/sessions?limit=100`,
      ),
    },
    {
      name: 'machine timeline',
      paths: paths(
        ({ machine }) => machine,
        (id) => `/v1/machines/${id}/timeline?limit=100`,
      ),
    },
  ];
  return found.filter((query) => query.paths.length > 0);
}

/** Asks all queries in turn, each lane one at a time, until it is told to end. */
export async function runQueryLoad({ url, token, queries, signal }: QueryLoadOptions): Promise<QueryLoadReport> {
  const times: QueryTimes = new Map(
    [...queries.map(({ name }) => name), ALL_QUERIES].map((name) => [name, newTimes()]),
  );
  let refused = 0;
  let asked = 0;
  const ask = async (): Promise<void> => {
    const { name, paths } = queries[asked % queries.length] as AskedQuery;
    const path = paths[Math.floor(asked / queries.length) % paths.length] as string;
    asked++;
    const begun = performance.now();
    const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` } });
    await response.arrayBuffer();
    const micros = Math.max(1, Math.round((performance.now() - begun) * 1000));
    if (response.status !== 200) refused++;
    times.get(ALL_QUERIES)?.record(micros);
    times.get(name)?.record(micros);
  };
  const lane = async (): Promise<void> => {
    for (; !signal.aborted; await sleep(PAUSE_MS)) await ask();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { times, refused };
}

const newTimes = () => createHistogram({ lowest: 1, highest: LONGEST_MICROS, figures: 3 });

/** What several loads of the same queries took, together. */
export function together(loads: readonly QueryTimes[]): QueryTimes {
  const sums = new Map<string, RecordableHistogram>();
  for (const [name, times] of loads.flatMap((load) => [...load])) {
    const sum = sums.get(name) ?? newTimes();
    sum.add(times);
    sums.set(name, sum);
  }
  return sums;
}

export function percentileMs(times: RecordableHistogram, percentile: number): number {
  return times.count === 0 ? 0 : times.percentile(percentile) / 1000;
}
