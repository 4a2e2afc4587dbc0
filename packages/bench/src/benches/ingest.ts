import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Closers } from '@wayline/testkit';
import { runInChild } from '../children/child-process.ts';
import { loadTarget } from '../measure/load-target.ts';
import { median } from '../measure/median.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { failuresOf } from '../report/failures.ts';
import { asReference, beside, rounded, summarise } from '../report/summarise.ts';
import type { LogAddress } from '../servers/log-address.ts';
import type { Target } from '../servers/server-under-test.ts';
import { bareTarget, obviousTarget } from '../servers/targets.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, type LogKind, type Pace, paceOf } from './bench-options.ts';
import { openSurroundings, type Surroundings, waylineTarget } from './surroundings.ts';

interface IngestCase {
  eventsPerRequest: number;
  connections: number;
  /** Whether the latency at half the maximum is measured, too. */
  half?: boolean;
}

const CASES: readonly IngestCase[] = [
  { eventsPerRequest: 1, connections: 8 },
  { eventsPerRequest: 1, connections: 64, half: true },
  { eventsPerRequest: 100, connections: 8 },
  { eventsPerRequest: 100, connections: 64, half: true },
  { eventsPerRequest: 2500, connections: 4 },
  { eventsPerRequest: 2500, connections: 8 },
  { eventsPerRequest: 2500, connections: 64 },
];
const QUICK_CASES: readonly IngestCase[] = [
  { eventsPerRequest: 1, connections: 8 },
  { eventsPerRequest: 2500, connections: 4 },
];
const HALF = 0.5;
const MOST_CONNECTIONS = 256;
const APPENDS: readonly { recordsPerCall: number; callsInFlight: number }[] = [
  { recordsPerCall: 1, callsInFlight: 256 },
  { recordsPerCall: 100, callsInFlight: 64 },
];

const nameOf = ({ eventsPerRequest, connections }: IngestCase): string =>
  `${eventsPerRequest} ${eventsPerRequest === 1 ? 'event' : 'events'} × ${connections}`;

/**
 * How much `POST /v1/events` takes on each log, beside a server that only parses the same bodies, and beside the obvious
 * design.
 */
export async function benchIngest(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const pace = paceOf(options);
  const surroundings = await openSurroundings(closers, options);
  const findings: BenchFindings = { cases: [], failures: [] };
  const measure = async (target: Target, found: IngestCase): Promise<BenchCase> => {
    const name = `${target.name}, ${nameOf(found)}`;
    options.tell(name);
    const { eventsPerRequest, connections } = found;
    const runs = await loadTarget(target, { eventsPerRequest, shape: { kind: 'closed', connections } }, pace);
    findings.failures.push(...failuresOf(name, runs));
    return summarise(name, runs);
  };

  for (const found of options.quick ? QUICK_CASES : CASES) {
    if (options.only && !nameOf(found).includes(options.only)) continue;
    const limit = await measure(bareTarget, found);
    const { kafka } = surroundings;
    const obvious = kafka && (await measure(obviousTarget(kafka), found));
    const references = { limit: asReference(limit), obvious: obvious && asReference(obvious) };
    findings.cases.push(limit);
    if (obvious) findings.cases.push(beside(obvious, { limit: references.limit }));
    for (const log of options.logs) {
      const target = waylineTarget(log, surroundings);
      const ours = await measure(target, found);
      findings.cases.push(beside(ours, references));
      if (found.half && !options.quick) await atHalf(ours, { target, found, pace, options, findings });
    }
  }
  for (const log of options.logs) await appendAlone(log, { surroundings, pace, options, findings });
  return findings;
}

/** The latency of requests at half the rate that was measured as the maximum. */
async function atHalf(
  { eventsPerSecond }: BenchCase,
  about: { target: Target; found: IngestCase; pace: Pace; options: BenchOptions; findings: BenchFindings },
): Promise<void> {
  const { target, found, pace, options, findings } = about;
  const name = `${target.name}, ${nameOf(found)}, at half of it`;
  options.tell(name);
  const { eventsPerRequest } = found;
  const requestsPerSecond = (eventsPerSecond * HALF) / eventsPerRequest;
  if (requestsPerSecond === 0) return; // told as a failure of the case before
  const shape = { kind: 'open', requestsPerSecond, maxConnections: MOST_CONNECTIONS } as const;
  const runs = await loadTarget(target, { eventsPerRequest, shape }, pace);
  findings.failures.push(...failuresOf(name, runs));
  findings.cases.push(summarise(name, runs));
}

/** What the log takes of records made beforehand, without HTTP: the limit on the other side. */
async function appendAlone(
  log: LogKind,
  about: { surroundings: Surroundings; pace: Pace; options: BenchOptions; findings: BenchFindings },
): Promise<void> {
  const { surroundings, pace, options, findings } = about;
  const { runs, ...times } = pace;
  for (const shape of options.quick ? APPENDS.slice(-1) : APPENDS) {
    const name = `${log}, append alone, ${shape.recordsPerCall} × ${shape.callsInFlight}`;
    if (options.only && !name.includes(options.only)) continue;
    options.tell(name);
    const reports = [];
    while (reports.length < runs) {
      const address = await appendAddress(log, surroundings);
      reports.push(await runInChild('append', { log: address, ...shape, ...times }));
    }
    const rates = reports.map(({ eventsPerSecond }) => eventsPerSecond);
    findings.cases.push({
      case: name,
      runs,
      eventsPerSecond: Math.round(median(rates)),
      eventsPerSecondMin: Math.round(Math.min(...rates)),
      eventsPerSecondMax: Math.round(Math.max(...rates)),
      cpuMicrosPerEvent: rounded(median(reports.map(({ cpuMicrosPerEvent }) => cpuMicrosPerEvent)), 2),
    });
  }
}

async function appendAddress(log: LogKind, { access, kafka }: Surroundings): Promise<LogAddress> {
  const topic = 'bench.append';
  if (log === 'kafka' && kafka) return { topic, brokers: kafka.brokers };
  return { topic, folder: await mkdtemp(join(access.folder, 'append-')) };
}
