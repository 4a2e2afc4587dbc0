import type { Closers } from '@wayline/testkit';
import type { Measurement } from '../measure/load-server.ts';
import { loadTarget } from '../measure/load-target.ts';
import { failuresOf } from '../report/failures.ts';
import { asReference, beside, summarise } from '../report/summarise.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS } from './bench-options.ts';
import { measureMaximum } from './maximum.ts';
import { openSurroundings, waylineTarget } from './surroundings.ts';

const SHARE = 0.8;
const MOST_CONNECTIONS = 512;
const DEFAULT_MINUTES = 10;
const WARMUP_SECONDS = 20;
const QUICK = { warmupSeconds: 1, seconds: 2, runs: 1 };
/** Memory that has grown by no more than this from the first to the last third of a soak is flat. */
const FLAT_MB = 16;

/** Ten minutes at 80 % of the maximum: no errors, flat memory, and nothing that was acknowledged is missing. */
export async function benchSoak(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const { quick, minutes = DEFAULT_MINUTES, events: eventsPerRequest = DEFAULT_EVENTS } = options;
  const pace = quick ? QUICK : { warmupSeconds: WARMUP_SECONDS, seconds: minutes * 60, runs: 1 };
  const surroundings = await openSurroundings(closers, options);
  const findings: BenchFindings = { cases: [], failures: [] };
  for (const log of options.logs) {
    const target = waylineTarget(log, surroundings);
    const maximum = await measureMaximum(target, options, findings);
    const name = `${log}, ${eventsPerRequest} events, ${pace.seconds} s at ${SHARE * 100} %`;
    options.tell(name);
    const requestsPerSecond = (maximum.eventsPerSecond * SHARE) / eventsPerRequest;
    const shape = { kind: 'open', requestsPerSecond, maxConnections: MOST_CONNECTIONS } as const;
    const runs = await loadTarget(target, { eventsPerRequest, shape, yields: true }, pace);
    const found = beside(summarise(name, runs), { limit: asReference(maximum) });
    findings.cases.push({ ...found, memory: runs[0]?.report.memory });
    findings.failures.push(...failuresOf(name, runs));
    if (!quick) findings.failures.push(...runs.flatMap((run) => unsteady(name, run)));
  }
  return findings;
}

/** What must hold of a soak that is long enough to tell. */
function unsteady(name: string, { report: { measured, memory } }: Measurement): string[] {
  const found: string[] = [];
  const { shed, unsent } = measured;
  if (shed + unsent > 0) found.push(`${name}: ${shed} requests were shed, and ${unsent} found no free connection`);
  if (memory && memory.lastMb - memory.firstMb > FLAT_MB) {
    found.push(`${name}: memory grew from ${memory.firstMb.toFixed()} to ${memory.lastMb.toFixed()} MB`);
  }
  return found;
}
