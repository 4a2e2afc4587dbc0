import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Closers } from '@wayline/testkit';
import type { Client } from 'pg';
import type { BenchOptions } from '../benches/bench-options.ts';
import { runInChild } from '../children/child-process.ts';
import { until } from '../measure/drain.ts';
import { watchProgress } from '../measure/stored-progress.ts';
import { type FreshDatabase, startFreshDatabase, withClient } from './fresh-database.ts';
import { emptyTopic } from './own-kafka.ts';
import { openWorkerSite, startQuery, startWorker, type WorkerSite } from './worker-site.ts';

/** A database with a history in it, and the role `query` before it. */
export interface QuerySite {
  site: WorkerSite;
  database: FreshDatabase;
  query: { url: string; token: string; pid: number };
  /** The most that a worker stored, rows/s; undefined where the history was there already. */
  drained: number | undefined;
}

export interface History {
  events: number;
  days: number;
  /** Of the first, epoch ms. */
  fromMs: number;
  /** A folder where it is to stay, and one where it is already. */
  keep?: string | undefined;
  from?: string | undefined;
}

const LOOK_EVERY_MS = 250;
/** What is derived in the background may take so long after the last event, s. */
const SETTLING_SECONDS = 1_200;

/** Opens a history that was kept, or has one stored by the role `worker`. */
export async function openQuerySite(
  closers: Closers,
  history: History,
  { quick, tell }: Pick<BenchOptions, 'quick' | 'tell'>,
): Promise<QuerySite> {
  tell('starting what is needed');
  const site = await openWorkerSite(closers, { quick });
  await emptyTopic(site);
  const folder = history.from ?? history.keep;
  const database = await startFreshDatabase(closers, {
    folder: folder && join(folder, 'postgres'),
    isThere: history.from !== undefined,
  });
  const drained = history.from === undefined ? await storeHistory({ site, database }, history, tell) : undefined;
  tell('waiting for the database to be as it is kept');
  await withClient(database.url, (client) => client.query('VACUUM ANALYZE').then(() => client.query('CHECKPOINT')));
  const query = await startQuery(site, database.url, { hasProject: history.from !== undefined });
  closers.add(() => query.process.end());
  return { site, database, query: { ...query, pid: query.process.pid }, drained };
}

/** @returns rows/s of the drain */
async function storeHistory(
  { site, database }: Pick<QuerySite, 'site' | 'database'>,
  { events, days, fromMs }: History,
  tell: (text: string) => void,
): Promise<number> {
  tell(`filling the log with ${events.toLocaleString('en-US')} events`);
  const start = new Date(fromMs).toISOString();
  const workload = { records: events, repeatedShare: 0, hours: days * 24, start };
  await runInChild('fill', { log: site.address, workload });
  tell('storing them');
  const progress = await watchProgress(database.url);
  const worker = startWorker(site, database.url);
  try {
    const about = { progress, worker, everyMs: LOOK_EVERY_MS };
    await until(1, about);
    const first = { ...(await progress.look()), ms: performance.now() };
    await until(events, about);
    const seconds = (performance.now() - first.ms) / 1000;
    tell('waiting for what is derived in the background');
    await withClient(database.url, settled);
    return Math.max(1, events - first.records) / seconds;
  } finally {
    await worker.end();
    await progress.close();
  }
}

/** Of minutes that are not brought into one row yet, so many change nothing. */
const FEW_MINUTES = 50_000;
const UNSETTLED = `
  SELECT 'hops' AS what WHERE EXISTS (SELECT FROM dirty_sessions)
  UNION ALL
  SELECT 'minutes' WHERE ${FEW_MINUTES} < (
    SELECT count(*) FROM series_minutes WHERE slot > -2 AND minute < now() - interval '20 minutes')`;

/** Resolves when what is derived in the background is as it is kept: the hops of all sessions, and rollups in one row each. */
async function settled(client: Client): Promise<void> {
  const left = async (): Promise<string[]> =>
    (await client.query<{ what: string }>(UNSETTLED)).rows.map(({ what }) => what);
  const deadline = performance.now() + SETTLING_SECONDS * 1000;
  for (let open = await left(); open.length > 0; open = await left()) {
    if (performance.now() > deadline) throw new Error(`After ${SETTLING_SECONDS} s ${open} are not settled`);
    await sleep(LOOK_EVERY_MS);
  }
}
