import type { Closers } from '@wayline/testkit';
import type { Measurement, Turns } from '../measure/load-server.ts';
import { loadTarget } from '../measure/load-target.ts';
import { failuresOf } from '../report/failures.ts';
import { asReference, beside, rounded, summarise } from '../report/summarise.ts';
import type { Target } from '../servers/server-under-test.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS } from './bench-options.ts';
import { addMaximum, FULL_CONNECTIONS, WARMUP_SECONDS } from './maximum.ts';
import { openSurroundings, waylineTarget } from './surroundings.ts';
import { loadTargetInTurns, ratioOfTurns } from './turns.ts';

/** Of the maximum; what is aimed at is told of this one. */
const TWICE = 2;
/** Parts of the maximum that are offered besides, one after the other. */
const OTHERS = [0.5, 0.8, 1, 1.5];
const SECONDS = 10;
/** Enough that the server's own bounds are met before they are all in use; fewer than it lets in. */
const MOST_CONNECTIONS = 1000;

/** So many pairs that the log stays small beside the memory of a machine. */
const TURNS = { turns: 20, settlingSeconds: 0.5, seconds: 1, warmupSeconds: WARMUP_SECONDS };
const QUICK_TURNS = { turns: 1, settlingSeconds: 0.5, seconds: 1, warmupSeconds: 1 };
/** Servers, one after the other, each with those turns. */
const ROUNDS = 3;
/** Pairs of turns of each before those that are told of: what was just started is slow. */
const FIRST_TURNS = 2;

/**
 * Rates up to twice what it can take: there it goes on acknowledging near its maximum, answers the rest with 503 and
 * `Retry-After`, and its memory stays within its bounds. The maximum and twice of it take short turns at one server, since the
 * machine does not stay as quick as it was.
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
  const add = (share: number, found: readonly Measurement[], ratio?: number) => {
    const summary = beside(summarise(nameOf(share), found), { limit: asReference(maximum) });
    findings.cases.push({ ...summary, ratio: ratio ?? summary.ratio });
    findings.failures.push(...failuresOf(nameOf(share), found));
  };

  const fully: Measurement[] = [];
  const twice: Measurement[] = [];
  for (let round = 1; round <= rounds; round++) {
    tell(`${target.name}: the maximum, and twice of it, in turns, ${round} of ${rounds}`);
    const found = await inTurns(target, { ...(quick ? QUICK_TURNS : TURNS), eventsPerRequest });
    findings.failures.push(...failuresOf(`${target.name}, the first turns`, found.first));
    fully.push(...found.fully);
    twice.push(...found.twice);
  }
  const maximum = addMaximum(target, options, { findings, runs: fully });

  for (const share of quick ? [] : OTHERS) {
    tell(nameOf(share));
    const requestsPerSecond = (share * maximum.eventsPerSecond) / eventsPerRequest;
    const shape = { kind: 'open', requestsPerSecond, maxConnections: MOST_CONNECTIONS, opened: true } as const;
    const pace = { warmupSeconds: WARMUP_SECONDS, seconds: options.seconds ?? SECONDS, runs: 1 };
    add(share, await loadTarget(target, { eventsPerRequest, shape, yields: true }, pace));
  }
  add(TWICE, twice, rounded(ratioOfTurns(twice, fully), 3));
}

async function inTurns(target: Target, load: Pick<Turns, keyof typeof TURNS | 'eventsPerRequest'>) {
  const { fully, offered } = await loadTargetInTurns(target, {
    ...load,
    turns: FIRST_TURNS + load.turns,
    connections: FULL_CONNECTIONS,
    times: TWICE,
    maxConnections: MOST_CONNECTIONS,
  });
  const first = [...fully.slice(0, FIRST_TURNS), ...offered.slice(0, FIRST_TURNS)];
  return { first, fully: fully.slice(FIRST_TURNS), twice: offered.slice(FIRST_TURNS) };
}
