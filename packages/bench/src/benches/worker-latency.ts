import { type Closers, hopsRemade } from '@wayline/testkit';
import { compareWithStore, rollupFaults } from '../compare/compare-with-store.ts';
import { readContent } from '../compare/read-content.ts';
import { measurePipeline, type PipelineRun } from '../measure/pipeline-run.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { failuresOf } from '../report/failures.ts';
import { rounded } from '../report/summarise.ts';
import { withClient } from '../servers/fresh-database.ts';
import { openPipeline } from '../servers/pipeline.ts';
import type { WorkerSite } from '../servers/worker-site.ts';
import type { BenchFindings } from './bench-findings.ts';
import type { BenchOptions } from './bench-options.ts';

export const LATENCY = 'acknowledged → queryable';

/** The greatest first, while the machine is as it was when its maximum was found. */
const SHARES = [0.9, 0.5, 0.1];
const QUICK_SHARES = [0.5];
const SECONDS = 20;
const QUICK_SECONDS = 2;
const EVENTS_PER_REQUEST = 100;
/** A rate that leaves more than this unstored after `SECONDS` is more than the machine stores, with the load on it. */
const SUSTAINED_SECONDS = 0.5;
/** What was stored of a rate that was too much is mostly still too much, by what it was behind at the end. */
const NEXT_SHARE = 0.95;
const MOST_TRIES = 8;

/**
 * Events at fixed rates through `wayline ingest`, Kafka and `wayline worker` into PostgreSQL, and beside them some whose
 * way is timed. All share the machine, which a drain has nearly to itself: where 90 % of that is not stored as it comes, the
 * maximum of which the rates are parts is the first that is, each tried being what was stored of the one before, or a twentieth less than that was.
 * @param drained rows/s of a drain
 */
export async function measureLatency(
  closers: Closers,
  { site, drained }: { site: WorkerSite; drained: number },
  options: BenchOptions,
): Promise<BenchFindings> {
  const { quick, tell } = options;
  const seconds = options.seconds ?? (quick ? QUICK_SECONDS : SECONDS);
  tell(`${LATENCY}: starting what is needed`);
  const pipeline = await openPipeline(closers, site, options);
  const findings: BenchFindings = { cases: [], failures: [] };

  const load = async (part: string, eventsPerSecond: number): Promise<BenchCase> => {
    const name = `${LATENCY}, ${part}`;
    tell(name);
    await hopsRemade(pipeline.database.url); // else what the load before has left would be measured with this one
    const requestsPerSecond = eventsPerSecond / EVENTS_PER_REQUEST;
    const shape = { requestsPerSecond, eventsPerRequest: EVENTS_PER_REQUEST, seconds };
    const run = await measurePipeline(pipeline, shape);
    const found = summarise(name, run);
    findings.cases.push(found);
    findings.failures.push(...failuresOf(name, [run.load]), ...probeFailures(name, run));
    return found;
  };

  const findMaximum = async (): Promise<number> => {
    let offered = drained * 0.9;
    for (let attempt = 1; attempt <= MOST_TRIES; attempt++) {
      const part =
        attempt === 1 ? 'at 90 % of the drain' : `at what was stored of that${', again'.repeat(attempt - 2)}`;
      const { behindSeconds = 0, eventsPerSecond } = await load(part, offered);
      if (behindSeconds <= SUSTAINED_SECONDS) return attempt === 1 ? drained : offered;
      offered = Math.min(eventsPerSecond, offered * NEXT_SHARE);
    }
    return offered;
  };

  await measurePipeline(pipeline, {
    requestsPerSecond: (drained * 0.5) / EVENTS_PER_REQUEST,
    eventsPerRequest: EVENTS_PER_REQUEST,
    seconds: seconds / 4,
  }); // processes that were just started are slow
  const most = quick ? drained : await findMaximum();
  for (const share of quick ? QUICK_SHARES : SHARES) {
    await load(`at ${share * 100} % of the maximum`, most * share);
  }

  const content = await pipeline.withLog((log) => readContent(log, pipeline.topic));
  const stored = await withClient(pipeline.database.url, async (client) => {
    const found = await compareWithStore(client, content);
    return { ...found, faults: [...found.faults, ...(await rollupFaults(client))] };
  });
  for (const found of findings.cases) found.stored = [stored];
  findings.failures.push(...stored.faults.map((fault) => `${LATENCY}: ${fault}`));
  return findings;
}

function summarise(name: string, { load, probes, stored }: PipelineRun): BenchCase {
  const perRow = (micros: number | undefined) =>
    micros === undefined || stored.rows === 0 ? undefined : rounded(micros / stored.rows, 2);
  const eventsPerSecond = Math.round(stored.rows / stored.seconds);
  return {
    case: name,
    runs: 1,
    eventsPerSecond,
    eventsPerSecondMin: eventsPerSecond,
    eventsPerSecondMax: eventsPerSecond,
    cpuMicrosPerEvent: perRow(stored.micros.worker),
    databaseMicrosPerEvent: perRow(stored.micros.database),
    brokerMicrosPerEvent: perRow(stored.micros.broker),
    loadMicrosPerEvent: perRow(stored.micros.ingest),
    p50Ms: rounded(probes.p50Ms, 1),
    p99Ms: rounded(probes.p99Ms, 1),
    rssMb: stored.peakRssMb === undefined ? undefined : Math.round(stored.peakRssMb),
    behindSeconds: rounded(stored.unstored / Math.max(1, eventsPerSecond), 2),
    comparison: load.comparison,
  };
}

function probeFailures(name: string, { probes: { measured, unseen } }: PipelineRun): string[] {
  const failures: string[] = [];
  if (unseen > 0) failures.push(`${name}: ${unseen} acknowledged events were not to be seen within a minute`);
  if (measured === 0) failures.push(`${name}: no event's way was timed`);
  return failures;
}
