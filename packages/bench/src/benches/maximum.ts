import type { Measurement } from '../measure/load-server.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { failuresOf } from '../report/failures.ts';
import { summarise } from '../report/summarise.ts';
import type { Target } from '../servers/server-under-test.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS } from './bench-options.ts';

/** As fast as it goes: what a soak and an overload are a part, and a multiple, of. */
export const FULL_CONNECTIONS = 64;
/** A broker and a server that were just started are slow. What is compared with this has the same. */
export const WARMUP_SECONDS = 12;

/** Adds its case to the findings. */
export function addMaximum(
  { name: log }: Target,
  { events = DEFAULT_EVENTS }: BenchOptions,
  { findings, runs }: { findings: BenchFindings; runs: readonly Measurement[] },
): BenchCase {
  const name = `${log}, ${events} events × ${FULL_CONNECTIONS}, the maximum`;
  findings.failures.push(...failuresOf(name, runs));
  const found = summarise(name, runs);
  findings.cases.push(found);
  if (found.eventsPerSecond === 0) throw new Error(findings.failures.join('\n'));
  return found;
}
