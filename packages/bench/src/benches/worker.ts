import type { Closers } from '@wayline/testkit';
import type { BenchCase, Reference } from '../report/bench-report.ts';
import { asReference, beside } from '../report/summarise.ts';
import { openWorkerSite } from '../servers/worker-site.ts';
import type { BenchFindings } from './bench-findings.ts';
import type { BenchOptions } from './bench-options.ts';
import { type DrainCase, measureDrain } from './drain-case.ts';
import { LATENCY, measureLatency } from './worker-latency.ts';

const RECORDS = 1_000_000;
const QUICK_RECORDS = 4_000;
const BACKLOG_RECORDS = 5_000_000;
const RUNS = 3;
const DAY_MS = 86_400_000;

/**
 * How fast one worker stores a log that is full, beside a raw COPY of the same rows into the same tables; what duplicates
 * cost; how its memory goes with a long backlog; and how long an acknowledged event takes until a query finds it.
 */
export async function benchWorker(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const { only = '' } = options;
  const findings: BenchFindings = { cases: [], failures: [] };
  const add = ({ cases, failures }: BenchFindings): void => {
    findings.cases.push(...cases);
    findings.failures.push(...failures);
  };
  options.tell('starting what is needed');
  const site = await openWorkerSite(closers, options);
  const drained = (drainCase: DrainCase) => measureDrain(closers, { ...drainCase, site }, options);
  const isWanted = (name: string) => name.includes(only);
  const { plain, others, repeated } = drainCases(options);
  const wantedRepeated = repeated.filter(({ name }) => isWanted(name));

  // What others are held against is measured with them.
  let maximum: Reference | undefined;
  if (isWanted(plain.name) || isWanted(LATENCY) || wantedRepeated.length > 0) {
    const found = await drained(plain);
    add(found);
    maximum = asReference(found.cases[0] as BenchCase);
  }
  for (const other of others) if (isWanted(other.name)) add(await drained(other));
  for (const other of wantedRepeated) {
    const { cases, failures } = await drained(other);
    add({ cases: cases.map((found) => beside(found, { limit: maximum })), failures });
  }
  if (maximum && isWanted(LATENCY)) {
    const { eventsPerSecond } = maximum;
    const { cases, failures } = await measureLatency(closers, { site, drained: eventsPerSecond }, options);
    add({ cases: cases.map((found) => beside(found, { limit: maximum })), failures });
  }
  return findings;
}

function drainCases({ quick, events, runs }: BenchOptions) {
  const records = Math.round(events ?? (quick ? QUICK_RECORDS : RECORDS));
  // All of a day, so that there is one partition whatever the time is now.
  const start = new Date((Math.floor(Date.now() / DAY_MS) - 1) * DAY_MS).toISOString();
  const workload = { records, repeatedShare: 0, hours: 2, start };
  const common = { runs: runs ?? (quick ? 1 : RUNS), copies: false };
  const plain: DrainCase = { ...common, name: 'drain, 2 h', workload, copies: true };
  const others: DrainCase[] = [{ ...common, name: 'drain, 24 h', workload: { ...workload, hours: 24 }, copies: true }];
  if (!quick && events === undefined) {
    const name = `backlog of ${BACKLOG_RECORDS.toLocaleString('en-US')}, 2 h`;
    others.push({ ...common, name, workload: { ...workload, records: BACKLOG_RECORDS }, runs: 1 });
  }
  const repeated = (quick ? [0.5] : [0.01, 0.5]).map(
    (repeatedShare): DrainCase => ({
      ...common,
      name: `${repeatedShare * 100} % duplicates, 2 h`,
      workload: { ...workload, repeatedShare },
    }),
  );
  return { plain, others, repeated };
}
