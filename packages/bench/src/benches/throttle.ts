import { setTimeout as sleep } from 'node:timers/promises';
import { type Closers, type TestProcess, withClosers } from '@wayline/testkit';
import { runInChild } from '../children/child-process.ts';
import { runCompetingLoad } from '../load/competing-load.ts';
import { type AskedQuery, findQueries, type QueryLoadReport, runQueryLoad } from '../load/query-load.ts';
import { until } from '../measure/drain.ts';
import { type StoredProgress, watchProgress } from '../measure/stored-progress.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { rounded } from '../report/summarise.ts';
import { type FreshDatabase, startFreshDatabase, withClient } from '../servers/fresh-database.ts';
import { emptyTopic, openWorkerSite, startQuery, startWorker, type WorkerSite } from '../servers/worker-site.ts';
import type { BenchFindings } from './bench-findings.ts';
import type { BenchOptions } from './bench-options.ts';

const HISTORY = 300_000;
const QUICK_HISTORY = 3_000;
/** At the start of each drain: more than is stored while it is measured. */
const BACKLOG = 2_000_000;
const QUICK_BACKLOG = 3_000;
const SECONDS = 20;
const QUICK_SECONDS = 1;
const DAY_MS = 86_400_000;
const WARMUP_MS = 3_000;
const QUICK_WARMUP_MS = 300;

interface Condition {
  name: string;
  /** How the worker is configured that drains meanwhile; none: there is none. */
  worker?: Readonly<Record<string, string>>;
  /** Whether another program is at work in the database. */
  competing: boolean;
  /** The condition without the worker, which it is held against. */
  beside?: string;
}

const IDLE = 'idle';
const COMPETING = 'a competing load';
const ADAPTIVE = { WAYLINE_ADAPTIVE: 'true' };
const NOT_ADAPTIVE = { WAYLINE_ADAPTIVE: 'false' };

const CONDITIONS: readonly Condition[] = [
  { name: IDLE, competing: false },
  { name: 'drain', worker: ADAPTIVE, competing: false, beside: IDLE },
  { name: COMPETING, competing: true },
  { name: `drain, ${COMPETING}`, worker: ADAPTIVE, competing: true, beside: COMPETING },
  { name: 'drain, throttle off', worker: NOT_ADAPTIVE, competing: false, beside: IDLE },
  { name: `drain, throttle off, ${COMPETING}`, worker: NOT_ADAPTIVE, competing: true, beside: COMPETING },
];

/** What is there for all conditions. */
interface Scene {
  site: WorkerSite;
  database: FreshDatabase;
  progress: StoredProgress;
  queries: readonly AskedQuery[];
  query: { url: string; token: string };
  /** Appends events to the log until it holds so many that are not stored. */
  fillUp(unstored: number): Promise<void>;
}

/**
 * How long people wait for answers while a worker drains a backlog, beside how long they do without it: on a PostgreSQL
 * that has nothing else to do, and on one that has; with the worker's adaptive throttle, and without.
 */
export async function benchThrottle(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const { only = '', quick } = options;
  const scene = await openScene(closers, options);
  const findings: BenchFindings = { cases: [], failures: [] };
  const bases = new Map<string, QueryLoadReport>();
  for (const condition of quick ? CONDITIONS.slice(0, 4) : CONDITIONS) {
    if (condition.worker && !condition.name.includes(only)) continue; // the others are what it is held against
    options.tell(condition.name);
    const { report, rowsPerSecond } = await withClosers(closers, (own) => measure(own, scene, condition, options));
    if (!condition.worker) bases.set(condition.name, report);
    findings.cases.push(...casesOf(condition, { report, rowsPerSecond, base: bases.get(condition.beside ?? '') }));
    if (report.refused > 0) findings.failures.push(`${condition.name}: ${report.refused} queries had no answer of 200`);
  }
  return findings;
}

/** What was stored before is there to be read, and a backlog is there to be stored. */
async function openScene(closers: Closers, { quick, tell }: BenchOptions): Promise<Scene> {
  tell('starting what is needed');
  const site = await openWorkerSite(closers, { quick });
  await emptyTopic(site);
  let appended = 0;
  let days = 0;
  // Each time of another day, so that nothing is a duplicate.
  const fill = async (records: number) => {
    const start = new Date((Math.floor(Date.now() / DAY_MS) - ++days) * DAY_MS).toISOString();
    await runInChild('fill', { log: site.address, workload: { records, repeatedShare: 0, hours: 24, start } });
    appended += records;
  };
  tell('storing what is asked for');
  await fill(quick ? QUICK_HISTORY : HISTORY);
  const database = await startFreshDatabase(closers);
  const progress = await watchProgress(database.url);
  closers.add(() => progress.close());
  const query = await startQuery(site, database.url);
  closers.add(() => query.process.end());
  await withWorker(site, { databaseUrl: database.url }, (worker) => until(appended, { progress, worker, everyMs: 50 }));
  const queries = await withClient(database.url, async (client) => {
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
    return findQueries(client);
  });
  const fillUp = async (unstored: number) => {
    const missing = unstored - (appended - (await progress.look()).records);
    if (missing > 0) await fill(missing);
  };
  return { site, database, progress, queries, query, fillUp };
}

async function measure(
  closers: Closers,
  { site, database, progress, queries, query, fillUp }: Scene,
  { worker: env, competing }: Condition,
  { quick, events = quick ? QUICK_BACKLOG : BACKLOG, seconds = quick ? QUICK_SECONDS : SECONDS }: BenchOptions,
): Promise<{ report: QueryLoadReport; rowsPerSecond: number }> {
  if (env) await fillUp(Math.round(events));
  const over = new AbortController();
  closers.add(async () => over.abort());
  const other = competing ? runCompetingLoad(database.url, over.signal) : Promise.resolve();
  other.catch(() => undefined); // awaited below
  const asked = async () => {
    const warmup = AbortSignal.timeout(quick ? QUICK_WARMUP_MS : WARMUP_MS);
    await runQueryLoad({ ...query, queries, signal: warmup });
    const before = await progress.look();
    const begun = performance.now();
    const report = await runQueryLoad({ ...query, queries, signal: AbortSignal.timeout(seconds * 1000) });
    const stored = (await progress.look()).records - before.records;
    return { report, rowsPerSecond: stored / ((performance.now() - begun) / 1000) };
  };
  const found = env
    ? await withWorker(site, { databaseUrl: database.url, env }, async (worker) => {
        const { records } = await progress.look();
        await until(records + 1, { progress, worker, everyMs: 20 });
        return asked();
      })
    : await asked();
  over.abort();
  await other;
  await sleep(quick ? 0 : WARMUP_MS); // what the database does afterwards
  return found;
}

async function withWorker<T>(
  site: WorkerSite,
  { databaseUrl, env = {} }: { databaseUrl: string; env?: Readonly<Record<string, string>> },
  work: (worker: TestProcess) => Promise<T>,
): Promise<T> {
  const worker = startWorker({ ...site, env: { ...site.env, ...env } }, databaseUrl);
  try {
    return await work(worker);
  } finally {
    await worker.end();
  }
}

function casesOf(
  { name, beside, worker }: Condition,
  {
    report,
    rowsPerSecond,
    base,
  }: { report: QueryLoadReport; rowsPerSecond: number; base: QueryLoadReport | undefined },
): BenchCase[] {
  const rate = worker ? Math.round(rowsPerSecond) : 0;
  return [...report.latencies].map(([query, { p50Ms, p99Ms }]) => {
    const before = base?.latencies.get(query);
    return {
      case: `${name}: ${query}`,
      query,
      runs: 1,
      eventsPerSecond: rate,
      eventsPerSecondMin: rate,
      eventsPerSecondMax: rate,
      p50Ms: rounded(p50Ms, 2),
      p99Ms: rounded(p99Ms, 2),
      ...(beside && before && before.p99Ms > 0
        ? {
            idle: { name: `${beside}: ${query}`, p99Ms: rounded(before.p99Ms, 2) },
            ratioToIdle: rounded(p99Ms / before.p99Ms, 2),
          }
        : {}),
    };
  });
}
