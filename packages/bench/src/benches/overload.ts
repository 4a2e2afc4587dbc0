import type { Closers } from '@wayline/testkit';
import type { Measurement } from '../measure/load-server.ts';
import { loadTarget } from '../measure/load-target.ts';
import { median } from '../measure/median.ts';
import { failuresOf } from '../report/failures.ts';
import { asReference, beside, rounded, summarise } from '../report/summarise.ts';
import type { Target } from '../servers/server-under-test.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS } from './bench-options.ts';
import { addMaximum, loadFully, WARMUP_SECONDS } from './maximum.ts';
import { openSurroundings, waylineTarget } from './surroundings.ts';

/** Of the maximum; what is aimed at is told of this one. */
const TWICE = 2;
/** Parts of the maximum that are offered besides, one after the other. */
const OTHERS = [0.5, 0.8, 1, 1.5];
const SECONDS = 10;
const QUICK_SECONDS = 2;
const QUICK_WARMUP_SECONDS = 1;
const ROUNDS = 3;
/** Enough that the server's own bounds are met before they are all in use; fewer than it lets in. */
const MOST_CONNECTIONS = 1000;

/** The median of what each was over the mean of the two beside it, one before and one after it. */
export function ratioInTurns(found: readonly Rate[], limits: readonly Rate[]): number {
  const rateOf = (of: readonly Rate[], i: number) => (of[i] as Rate).eventsPerSecond;
  return median(found.map((_, i) => (2 * rateOf(found, i)) / (rateOf(limits, i) + rateOf(limits, i + 1))));
}

type Rate = Pick<Measurement, 'eventsPerSecond'>;

/**
 * Rates up to twice what it can take: there it goes on acknowledging near its maximum, answers the rest with 503 and
 * `Retry-After`, and its memory stays within its bounds. The maximum and twice of it take turns,
 * and each is compared with those beside it, since the machine does not stay as quick as it was.
 */
export async function benchOverload(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const surroundings = await openSurroundings(closers, options);
  const findings: BenchFindings = { cases: [], failures: [] };
  for (const log of options.logs) await overload(waylineTarget(log, surroundings), options, findings);
  return findings;
}

async function overload(target: Target, options: BenchOptions, findings: BenchFindings): Promise<void> {
  const { quick, runs: rounds = quick ? 1 : ROUNDS, events: eventsPerRequest = DEFAULT_EVENTS, tell } = options;
  const nameOf = (share: number) => `${target.name}, ${eventsPerRequest} events, at ${share * 100} %`;
  const seconds = quick ? QUICK_SECONDS : SECONDS;
  const warmupSeconds = quick ? QUICK_WARMUP_SECONDS : WARMUP_SECONDS;
  const offer = (eventsPerSecond: number) => {
    const requestsPerSecond = eventsPerSecond / eventsPerRequest;
    const shape = { kind: 'open', requestsPerSecond, maxConnections: MOST_CONNECTIONS } as const;
    return loadTarget(target, { eventsPerRequest, shape, yields: true }, { warmupSeconds, seconds, runs: 1 });
  };
  const loadedFully = async () => (await loadFully(target, { ...options, runs: 1 }))[0] as Measurement;
  const loadedTwice = async (full: Measurement) => (await offer(TWICE * full.eventsPerSecond))[0] as Measurement;
  if (!quick) {
    tell(`${target.name}: a first turn, which is not told of: a broker that was just started is slow`);
    const full = await loadedFully();
    findings.failures.push(...failuresOf(`${target.name}, the first turn`, [full, await loadedTwice(full)]));
  }
  const fully = [await loadedFully()];
  const twice: Measurement[] = [];
  for (let round = 1; round <= rounds; round++) {
    tell(`${target.name}: twice of the maximum, and the maximum, ${round} of ${rounds}`);
    twice.push(await loadedTwice(fully.at(-1) as Measurement));
    fully.push(await loadedFully());
  }
  const maximum = addMaximum(target, options, { findings, runs: fully });
  const add = (share: number, runs: readonly Measurement[], inTurns?: number) => {
    const found = beside(summarise(nameOf(share), runs), { limit: asReference(maximum) });
    findings.cases.push({ ...found, ratio: inTurns ?? found.ratio, memory: runs[0]?.report.memory });
    findings.failures.push(...failuresOf(nameOf(share), runs));
  };
  for (const share of quick ? [] : OTHERS) {
    tell(nameOf(share));
    add(share, await offer(share * maximum.eventsPerSecond));
  }
  add(TWICE, twice, rounded(ratioInTurns(twice, fully), 3));
}
