import type { Measurement } from '../measure/load-server.ts';
import { loadTarget } from '../measure/load-target.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { failuresOf } from '../report/failures.ts';
import { summarise } from '../report/summarise.ts';
import type { Target } from '../servers/server-under-test.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS, paceOf } from './bench-options.ts';

export const FULL_CONNECTIONS = 64;
/** A broker and a server that were just started are slow. What is compared with this has the same. */
export const WARMUP_SECONDS = 12;

/** As fast as it goes: what a soak and an overload are a part, and a multiple, of. */
export async function measureMaximum(
  target: Target,
  options: BenchOptions,
  findings: BenchFindings,
): Promise<BenchCase> {
  options.tell(nameOfMaximum(target, options));
  return addMaximum(target, options, { findings, runs: await loadFully(target, options) });
}

/** The load of it. */
function loadFully(target: Target, options: BenchOptions): Promise<Measurement[]> {
  const { events: eventsPerRequest = DEFAULT_EVENTS } = options;
  const shape = { kind: 'closed', connections: FULL_CONNECTIONS } as const;
  const pace = options.quick ? paceOf(options) : { ...paceOf(options), warmupSeconds: WARMUP_SECONDS };
  return loadTarget(target, { eventsPerRequest, shape, yields: true }, pace);
}

/** Adds its case to the findings. */
export function addMaximum(
  target: Target,
  options: BenchOptions,
  { findings, runs }: { findings: BenchFindings; runs: readonly Measurement[] },
): BenchCase {
  const name = nameOfMaximum(target, options);
  findings.failures.push(...failuresOf(name, runs));
  const found = summarise(name, runs);
  findings.cases.push(found);
  if (found.eventsPerSecond === 0) throw new Error(findings.failures.join('\n'));
  return found;
}

const nameOfMaximum = ({ name }: Target, { events = DEFAULT_EVENTS }: BenchOptions): string =>
  `${name}, ${events} events × ${FULL_CONNECTIONS}, the maximum`;
