import { loadTarget } from '../measure/load-target.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { failuresOf } from '../report/failures.ts';
import { summarise } from '../report/summarise.ts';
import type { Target } from '../servers/server-under-test.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS, paceOf } from './bench-options.ts';

const CONNECTIONS = 64;
/** A broker that was just started is slow: what is compared with this comes later. */
const WARMUP_SECONDS = 8;

/** As fast as it goes: what a soak and an overload are a part, and a multiple, of. */
export async function measureMaximum(
  target: Target,
  options: BenchOptions,
  findings: BenchFindings,
): Promise<BenchCase> {
  const { events: eventsPerRequest = DEFAULT_EVENTS } = options;
  const name = `${target.name}, ${eventsPerRequest} events × ${CONNECTIONS}, the maximum`;
  options.tell(name);
  const shape = { kind: 'closed', connections: CONNECTIONS } as const;
  const pace = options.quick ? paceOf(options) : { ...paceOf(options), warmupSeconds: WARMUP_SECONDS };
  const runs = await loadTarget(target, { eventsPerRequest, shape, yields: true }, pace);
  findings.failures.push(...failuresOf(name, runs));
  const found = summarise(name, runs);
  findings.cases.push(found);
  if (found.eventsPerSecond === 0) throw new Error(findings.failures.join('\n'));
  return found;
}
