import { setTimeout as sleep } from 'node:timers/promises';
import { type Closers, withClosers } from '@wayline/testkit';
import { runInChild, startChild } from '../children/child-process.ts';
import { askExport } from '../load/ask-export.ts';
import { type AskBounds, type Asker, openAsker } from '../load/ask-query.ts';
import { findQueryCases, type QueryCase } from '../load/query-cases.ts';
import { until } from '../measure/drain.ts';
import { forgetLogFiles } from '../measure/page-cache.ts';
import { type StoredProgress, watchProgress } from '../measure/stored-progress.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { rounded } from '../report/summarise.ts';
import { withClient } from '../servers/fresh-database.ts';
import { openQuerySite, type QuerySite } from '../servers/query-site.ts';
import { startWorker } from '../servers/worker-site.ts';
import type { BenchFindings } from './bench-findings.ts';
import type { BenchOptions } from './bench-options.ts';

const EVENTS = 10_000_000;
const QUICK_EVENTS = 20_000;
const DAYS = 30;
const DAY_MS = 86_400_000;
const ANSWERS = 300;
const QUICK_ANSWERS = 10;
/** A short one is asked for so long: 300 of its answers may be those of half a second, in which a worker does one thing. */
const LEAST_SECONDS = 3;
const SECONDS = 20;
const QUICK_SECONDS = 1;
/** What is exported, about. */
const EXPORTED = 1_000_000;
const EXPORT_TARGET = { eventsPerSecond: 100_000, rssMb: 200 };
/** Stored to learn how much a worker stores, where no history was. */
const PROBE_RECORDS = 300_000;
const QUICK_PROBE_RECORDS = 3_000;
/** Of the generator: what comes while it is asked belongs to other sessions than the history. */
const FEED_SEED = 7;
const PROBE_SEED = 8;
/** A worker, a broker and a load that were just started are slow, and take more of the processors. */
const WARMUP_MS = 15_000;
const QUICK_WARMUP_MS = 500;
/** A worker that is no further behind keeps up; so long it is waited for where it is. */
const BEHIND_MS = 1_000;
const PATIENCE_MS = 30_000;
const LOOK_EVERY_MS = 100;
/** Asked of a process that was just started, before anything is measured: until then its code is not compiled. */
const PROCESS_WARMUP_ANSWERS = 2_000;

/**
 * How long each query takes over a month of events, alone and while a worker stores at half of what it can; and how fast
 * events are exported. Each beside its target.
 */
export async function benchQuery(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const { quick, only = '', tell, keep, from } = options;
  const events = Math.round(options.events ?? (quick ? QUICK_EVENTS : EVENTS));
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const scene = await openQuerySite(
    closers,
    { events, days: DAYS, fromMs: today - DAYS * DAY_MS, keep, from },
    options,
  );
  const { cases, lastMs, perDay } = await withClient(scene.database.url, async (client) => {
    // Of a history that was kept, the days that it has.
    const { rows } = await client.query<{ days: string[]; n: number }>(
      `SELECT array_agg(day ORDER BY day) AS days, max(n)::float8 AS n FROM (
         SELECT date_trunc('day', hour, 'UTC')::text AS day, sum(events) AS n FROM hours WHERE hour < $1
         GROUP BY 1 ORDER BY 1 LIMIT ${DAYS}
       ) per_day`,
      [new Date(today)],
    );
    const [first = ''] = rows[0]?.days ?? [];
    const span = { fromMs: Date.parse(first), days: DAYS };
    return { cases: await findQueryCases(client, span), lastMs: span.fromMs + DAYS * DAY_MS, perDay: rows[0]?.n ?? 1 };
  });
  const isWanted = (name: string): boolean => only.split('|').some((text) => name.includes(text));
  const wanted = cases.filter(({ name }) => isWanted(name));
  const findings: BenchFindings = { cases: [], failures: [] };
  const asker = openAsker(scene.query);
  closers.add(async () => asker.close());

  const [first] = wanted;
  if (first && !options.quick) await asker.ask(first, { answers: PROCESS_WARMUP_ANSWERS, longestSeconds: 3 });
  for (const query of wanted) {
    tell(`alone: ${query.name}`);
    add(findings, await askCase(asker, { query, options }));
  }
  const name = `export of ${EXPORTED.toLocaleString('en-US')} events as NDJSON`;
  if (isWanted(name)) {
    tell(name);
    const days = Math.min(DAYS, Math.max(1, Math.round(EXPORTED / perDay)));
    add(findings, await measureExport(scene, { name, path: exportPath(lastMs - days * DAY_MS, lastMs) }));
  }
  if (wanted.length > 0) {
    await whileStoring(closers, { scene, options }, async ({ progress, caughtUp }) => {
      for (const query of wanted) {
        await forgetLogFiles(scene.site.brokerPid);
        await caughtUp();
        tell(`while a worker stores: ${query.name}`);
        add(findings, await askCase(asker, { query, options, progress }));
      }
    });
  }
  return findings;
}

const exportPath = (fromMs: number, toMs: number): string => `/v1/export?format=ndjson&from=${fromMs}&to=${toMs}`;

function add(findings: BenchFindings, found: { case: BenchCase; failures: string[] }): void {
  findings.cases.push(found.case);
  findings.failures.push(...found.failures);
}

interface Asked {
  query: QueryCase;
  options: BenchOptions;
  /** Of the worker, where one stores meanwhile. */
  progress?: StoredProgress;
}

async function askCase(asker: Asker, { query, options, progress }: Asked) {
  const { quick, seconds } = options;
  const bounds: AskBounds = {
    answers: quick ? QUICK_ANSWERS : ANSWERS,
    leastSeconds: quick ? 0 : LEAST_SECONDS,
    warmups: quick ? QUICK_ANSWERS : undefined,
    longestSeconds: seconds ?? (quick ? QUICK_SECONDS : SECONDS),
  };
  const before = { ...(await progress?.look()), ms: performance.now() };
  const { answers, p50Ms, p99Ms, refused } = await asker.ask(query, bounds);
  const after = { ...(await progress?.look()), ms: performance.now() };
  const stored = (after.records ?? 0) - (before.records ?? 0);
  const eventsPerSecond = Math.round((stored * 1000) / (after.ms - before.ms));
  const name = progress ? `${query.name}, storing` : query.name;
  const p99Target = progress ? query.storingTargetMs : query.targetMs;
  const isMissing = answers === 0 && refused.has(404);
  return {
    case: {
      case: name,
      query: query.name,
      runs: 1,
      ...rate(eventsPerSecond),
      answers,
      ...(p99Target !== undefined && { target: { p99Ms: p99Target } }),
      ...(isMissing ? { isMissing } : { p50Ms: rounded(p50Ms, 2), p99Ms: rounded(p99Ms, 2) }),
      ...(!isMissing && p99Target !== undefined && { isMet: p99Ms <= p99Target }),
    },
    failures: isMissing ? [] : [...refused].map(([status, times]) => `${name}: ${times} answers of ${status}`),
  };
}

const rate = (eventsPerSecond: number) => ({
  eventsPerSecond,
  eventsPerSecondMin: eventsPerSecond,
  eventsPerSecondMax: eventsPerSecond,
});

async function measureExport({ query }: QuerySite, { name, path }: { name: string; path: string }) {
  const { status, events, seconds, rssMb } = await askExport(query, path);
  const about = { case: name, query: name, runs: 1, target: EXPORT_TARGET };
  if (status !== 200) {
    const failures = status === 404 ? [] : [`${name}: an answer of ${status}`];
    return { case: { ...about, ...rate(0), isMissing: status === 404 }, failures };
  }
  const eventsPerSecond = Math.round(events / seconds);
  const isMet = eventsPerSecond >= EXPORT_TARGET.eventsPerSecond && (rssMb ?? 0) <= EXPORT_TARGET.rssMb;
  return {
    case: { ...about, ...rate(eventsPerSecond), answers: events, ...(rssMb && { rssMb: Math.round(rssMb) }), isMet },
    failures: [],
  };
}

interface Storing {
  progress: StoredProgress;
  /** Resolves when what was to be stored is, and after a while in any case: a query may have kept the load from that, which would be made up for beside the next. */
  caughtUp(): Promise<void>;
}

/** Runs the work while events of now are appended and stored, half as many a second as a worker can store. */
async function whileStoring(
  closers: Closers,
  { scene: { site, database, drained }, options: { quick, tell } }: { scene: QuerySite; options: BenchOptions },
  work: (storing: Storing) => Promise<void>,
): Promise<void> {
  await withClosers(closers, async (own) => {
    const progress = await watchProgress(database.url);
    own.add(() => progress.close());
    const maximum = drained ?? (await probeMaximum());
    tell(`a worker stores ${Math.round(maximum / 2).toLocaleString('en-US')} events/s`);
    const worker = startWorker(site, database.url);
    own.add(() => worker.end());
    await worker.waitForLine(/the worker is ready/, 60_000);
    const recordsPerSecond = maximum / 2;
    const feeding = await startChild('feed', { log: site.address, recordsPerSecond, seed: FEED_SEED });
    own.add(() => feeding.stop());
    const begun = { ...(await progress.look()), ms: performance.now() };
    await sleep(quick ? QUICK_WARMUP_MS : WARMUP_MS);
    await work({ progress, caughtUp });

    async function caughtUp(): Promise<void> {
      for (const deadline = performance.now() + PATIENCE_MS; performance.now() < deadline; ) {
        const askedMs = performance.now();
        const due = begun.records + ((askedMs - begun.ms) / 1000) * recordsPerSecond;
        await until(due, { progress, worker, everyMs: LOOK_EVERY_MS });
        if (performance.now() - askedMs < BEHIND_MS) return;
      }
    }

    async function probeMaximum(): Promise<number> {
      tell('storing, to learn how much a worker can');
      const records = quick ? QUICK_PROBE_RECORDS : PROBE_RECORDS;
      const start = new Date(Date.now() - 3_600_000).toISOString();
      const workload = { records, repeatedShare: 0, hours: 1, start, seed: PROBE_SEED };
      await runInChild('fill', { log: site.address, workload });
      const before = (await progress.look()).records;
      const probe = startWorker(site, database.url);
      try {
        const about = { progress, worker: probe, everyMs: 20 };
        await until(before + 1, about);
        const first = { ...(await progress.look()), ms: performance.now() };
        await until(before + records, about);
        return (before + records - first.records) / ((performance.now() - first.ms) / 1000);
      } finally {
        await probe.end();
      }
    }
  });
}
