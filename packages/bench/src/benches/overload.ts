import type { Closers } from '../closers.ts';
import { loadTarget } from '../measure/load-target.ts';
import { failuresOf } from '../report/failures.ts';
import { asReference, beside, summarise } from '../report/summarise.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS } from './bench-options.ts';
import { measureMaximum } from './maximum.ts';
import { openSurroundings, waylineTarget } from './surroundings.ts';

const SHARE = 2;
/** Enough that the server's own bounds are met before they are all in use; fewer than it lets in. */
const MOST_CONNECTIONS = 3000;
const PACE = { warmupSeconds: 5, seconds: 30, runs: 1 };
const QUICK = { warmupSeconds: 1, seconds: 2, runs: 1 };

/**
 * Twice what it can take: it goes on acknowledging near its maximum, answers the rest with 503 and `Retry-After`, and its
 * memory stays within its bounds.
 */
export async function benchOverload(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const { quick, events: eventsPerRequest = DEFAULT_EVENTS } = options;
  const surroundings = await openSurroundings(closers, options);
  const findings: BenchFindings = { cases: [], failures: [] };
  for (const log of options.logs) {
    const target = waylineTarget(log, surroundings);
    const maximum = await measureMaximum(target, options, findings);
    const name = `${log}, ${eventsPerRequest} events, at ${SHARE * 100} %`;
    options.tell(name);
    const requestsPerSecond = (maximum.eventsPerSecond * SHARE) / eventsPerRequest;
    const shape = { kind: 'open', requestsPerSecond, maxConnections: MOST_CONNECTIONS } as const;
    const runs = await loadTarget(target, { eventsPerRequest, shape }, quick ? QUICK : PACE);
    const found = beside(summarise(name, runs), { limit: asReference(maximum) });
    findings.cases.push({ ...found, memory: runs[0]?.report.memory });
    findings.failures.push(...failuresOf(name, runs));
  }
  return findings;
}
