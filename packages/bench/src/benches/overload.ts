import type { Closers } from '@wayline/testkit';
import { loadTarget } from '../measure/load-target.ts';
import { failuresOf } from '../report/failures.ts';
import { asReference, beside, summarise } from '../report/summarise.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS } from './bench-options.ts';
import { measureMaximum } from './maximum.ts';
import { openSurroundings, waylineTarget } from './surroundings.ts';

/** Parts of the maximum that are offered, one after the other, and for how many seconds. */
const STEPS = [
  { share: 0.5, seconds: 10 },
  { share: 0.8, seconds: 10 },
  { share: 1, seconds: 10 },
  { share: 1.5, seconds: 10 },
  { share: 2, seconds: 30 },
];
const QUICK_STEPS = [{ share: 2, seconds: 2 }];
/** Enough that the server's own bounds are met before they are all in use; fewer than it lets in. */
const MOST_CONNECTIONS = 3000;

/**
 * Rates up to twice what it can take: there it goes on acknowledging near its maximum, answers the rest with 503 and
 * `Retry-After`, and its memory stays within its bounds.
 */
export async function benchOverload(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const { quick, events: eventsPerRequest = DEFAULT_EVENTS } = options;
  const surroundings = await openSurroundings(closers, options);
  const findings: BenchFindings = { cases: [], failures: [] };
  for (const log of options.logs) {
    const target = waylineTarget(log, surroundings);
    const maximum = await measureMaximum(target, options, findings);
    for (const { share, seconds } of quick ? QUICK_STEPS : STEPS) {
      const name = `${log}, ${eventsPerRequest} events, at ${share * 100} %`;
      options.tell(name);
      const requestsPerSecond = (maximum.eventsPerSecond * share) / eventsPerRequest;
      const shape = { kind: 'open', requestsPerSecond, maxConnections: MOST_CONNECTIONS } as const;
      const pace = { warmupSeconds: quick ? 1 : 5, seconds, runs: 1 };
      const runs = await loadTarget(target, { eventsPerRequest, shape, yields: true }, pace);
      const found = beside(summarise(name, runs), { limit: asReference(maximum) });
      findings.cases.push({ ...found, memory: runs[0]?.report.memory });
      findings.failures.push(...failuresOf(name, runs));
    }
  }
  return findings;
}
