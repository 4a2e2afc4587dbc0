import { setTimeout as sleep } from 'node:timers/promises';
import { type Closers, type TestProcess, withClosers } from '@wayline/testkit';
import { runInChild } from '../children/child-process.ts';
import { runCompetingLoad } from '../load/competing-load.ts';
import {
  type AskedQuery,
  findQueries,
  percentileMs,
  type QueryLoadReport,
  type QueryTimes,
  runQueryLoad,
  together,
} from '../load/query-load.ts';
import { until } from '../measure/drain.ts';
import { type StoredProgress, watchProgress } from '../measure/stored-progress.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { rounded } from '../report/summarise.ts';
import { type FreshDatabase, startFreshDatabase, withClient } from '../servers/fresh-database.ts';
import { emptyTopic } from '../servers/own-kafka.ts';
import { openWorkerSite, startQuery, startWorker, type WorkerSite } from '../servers/worker-site.ts';
import type { BenchFindings } from './bench-findings.ts';
import type { BenchOptions } from './bench-options.ts';

const HISTORY = 300_000;
const QUICK_HISTORY = 3_000;
/** At the start of each drain: more than is stored while it is measured. */
const BACKLOG = 2_000_000;
const QUICK_BACKLOG = 3_000;
/** Stored before it is asked: the code of a worker that was just started is not compiled yet. */
const WARM_ROWS = 150_000;
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
}

const IDLE: Condition = { name: 'idle', competing: false };
const COMPETING: Condition = { name: 'a competing load', competing: true };
const ADAPTIVE = { WAYLINE_ADAPTIVE: 'true' };
const NOT_ADAPTIVE = { WAYLINE_ADAPTIVE: 'false' };

/**
 * What a drain is held against, and the drains. It is measured before the first and after each: what was stored
 * meanwhile makes queries slower by itself.
 */
const SERIES: readonly { base: Condition; drains: readonly Condition[] }[] = [
  {
    base: IDLE,
    drains: [
      { name: 'drain', worker: ADAPTIVE, competing: false },
      { name: 'drain, throttle off', worker: NOT_ADAPTIVE, competing: false },
    ],
  },
  {
    base: COMPETING,
    drains: [
      { name: `drain, ${COMPETING.name}`, worker: ADAPTIVE, competing: true },
      { name: `drain, throttle off, ${COMPETING.name}`, worker: NOT_ADAPTIVE, competing: true },
    ],
  },
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
  const ask = async (condition: Condition): Promise<Asked> => {
    options.tell(condition.name);
    const asked = await withClosers(closers, (own) => measure(own, scene, condition, options));
    const { refused } = asked.report;
    if (refused > 0) findings.failures.push(`${condition.name}: ${refused} queries had no answer of 200`);
    return asked;
  };
  for (const { base, drains } of SERIES) {
    const chosen = drains.filter(({ name }) => name.includes(only)).slice(0, quick ? 1 : undefined);
    if (chosen.length === 0) continue;
    const bases = [await ask(base)];
    const asked: { drain: Condition; found: Asked; beside: QueryTimes }[] = [];
    for (const drain of chosen) {
      const before = bases.at(-1) as Asked;
      const found = await ask(drain);
      const after = await ask(base);
      bases.push(after);
      asked.push({ drain, found, beside: together([before.report.times, after.report.times]) });
    }
    findings.cases.push(...casesOf(base.name, { times: together(bases.map(({ report }) => report.times)) }));
    for (const { drain, found, beside } of asked) {
      const { rowsPerSecond } = found;
      findings.cases.push(
        ...casesOf(drain.name, { times: found.report.times, rowsPerSecond, base: { name: base.name, times: beside } }),
      );
    }
  }
  return findings;
}

interface Asked {
  report: QueryLoadReport;
  /** Stored meanwhile. */
  rowsPerSecond: number;
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
): Promise<Asked> {
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
        await until(records + (quick ? 1 : WARM_ROWS), { progress, worker, everyMs: 20 });
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
  name: string,
  given: { times: QueryTimes; rowsPerSecond?: number; base?: { name: string; times: QueryTimes } },
): BenchCase[] {
  const { times, rowsPerSecond = 0, base } = given;
  const rate = Math.round(rowsPerSecond);
  return [...times].map(([query, taken]) => {
    const before = base?.times.get(query);
    const p99Ms = percentileMs(taken, 99);
    const idleMs = before ? percentileMs(before, 99) : 0;
    return {
      case: `${name}: ${query}`,
      query,
      runs: 1,
      eventsPerSecond: rate,
      eventsPerSecondMin: rate,
      eventsPerSecondMax: rate,
      p50Ms: rounded(percentileMs(taken, 50), 2),
      p99Ms: rounded(p99Ms, 2),
      ...(base && idleMs > 0
        ? {
            idle: { name: `${base.name}: ${query}`, p99Ms: rounded(idleMs, 2) },
            ratioToIdle: rounded(p99Ms / idleMs, 2),
          }
        : {}),
    };
  });
}
