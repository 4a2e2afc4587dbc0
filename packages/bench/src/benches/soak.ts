import type { Closers } from '@wayline/testkit';
import type { Measurement } from '../measure/load-server.ts';
import { type MemoryCourse, memoryCourse } from '../measure/sample-memory.ts';
import { failuresOf } from '../report/failures.ts';
import { asReference, beside, rounded, summarise } from '../report/summarise.ts';
import type { Target } from '../servers/server-under-test.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS } from './bench-options.ts';
import { addMaximum, FULL_CONNECTIONS } from './maximum.ts';
import { openSurroundings, waylineTarget } from './surroundings.ts';
import { loadTargetInTurns, ratioOfTurns } from './turns.ts';

const SHARE = 0.8;
const MOST_CONNECTIONS = 512;
const DEFAULT_MINUTES = 10;
/** The machine does not stay as quick as it was: how much is 80 % is asked anew before each half a minute. */
const TURNS = { offeredSeconds: 30, seconds: 2, latest: 3, settlingSeconds: 1, warmupSeconds: 20 };
const QUICK_TURNS = { offeredSeconds: 2, seconds: 1, latest: 3, settlingSeconds: 0.5, warmupSeconds: 1 };
/** Memory that has grown by no more than this from the first to the last third of a soak is flat. */
const FLAT_MB = 16;
/** A virtual machine that is slower by a fifth for a moment has more to take then than it can. More than so much is not the machine. */
const MOST_SHED = 0.05;

/** Ten minutes at 80 % of the maximum: no errors, flat memory, and nothing that was acknowledged is missing. */
export async function benchSoak(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const surroundings = await openSurroundings(closers, options);
  const findings: BenchFindings = { cases: [], failures: [] };
  for (const log of options.logs) await soak(waylineTarget(log, surroundings), options, findings);
  return findings;
}

async function soak(target: Target, options: BenchOptions, findings: BenchFindings): Promise<void> {
  const { quick, minutes = DEFAULT_MINUTES, events: eventsPerRequest = DEFAULT_EVENTS } = options;
  const pace = quick ? QUICK_TURNS : TURNS;
  const turns = quick ? 1 : Math.ceil((minutes * 60) / pace.offeredSeconds);
  const name = `${target.name}, ${eventsPerRequest} events, ${turns * pace.offeredSeconds} s at ${SHARE * 100} %`;
  options.tell(name);
  const { fully, offered } = await loadTargetInTurns(target, {
    ...pace,
    turns,
    eventsPerRequest,
    connections: FULL_CONNECTIONS,
    times: SHARE,
    maxConnections: MOST_CONNECTIONS,
  });
  const maximum = addMaximum(target, options, { findings, runs: fully });
  const found = beside(summarise(name, offered), { limit: asReference(maximum) });
  const memory = memoryInAll(offered);
  const shedPerSecond = rounded(totalOf(offered, 'shed') / (turns * pace.offeredSeconds), 2); // a median would hide it
  findings.cases.push({ ...found, ratio: rounded(ratioOfTurns(offered, fully), 3), shedPerSecond, memory });
  findings.failures.push(...failuresOf(name, offered));
  if (!quick) findings.failures.push(...unsteady(offered, memory).map((sentence) => `${name}: ${sentence}`));
}

/** Of the load that is offered alone: neither of the warming up, nor of the whiles in which it goes as fast as it can. */
export const memoryInAll = (offered: readonly Measurement[]): MemoryCourse | undefined =>
  memoryCourse(offered.flatMap(({ report }) => report.memory));

/** What must hold of a soak that is long enough to tell. */
export function unsteady(offered: readonly Measurement[], memory: MemoryCourse | undefined): string[] {
  const found: string[] = [];
  const [shed, unsent] = [totalOf(offered, 'shed'), totalOf(offered, 'unsent')];
  const share = (shed + unsent) / (totalOf(offered, 'acknowledged') + shed + unsent);
  if (share > MOST_SHED) {
    const percent = (100 * share).toFixed(1);
    found.push(`${shed} requests were shed, and ${unsent} found no free connection: ${percent} % of all`);
  }
  if (memory && memory.lastMb - memory.firstMb > FLAT_MB) {
    found.push(`memory grew from ${memory.firstMb.toFixed()} to ${memory.lastMb.toFixed()} MB`);
  }
  return found;
}

const totalOf = (found: readonly Measurement[], name: 'acknowledged' | 'shed' | 'unsent'): number =>
  found.reduce((sum, { report }) => sum + report.measured[name], 0);
