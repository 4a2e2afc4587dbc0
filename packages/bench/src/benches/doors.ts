import { type Closers, withClosers } from '@wayline/testkit';
import type { ClosedLoopOptions } from '../load/closed-loop.ts';
import type { LoadDoor } from '../load/door-form.ts';
import type { Measurement } from '../measure/load-server.ts';
import { loadTarget } from '../measure/load-target.ts';
import { failuresOf } from '../report/failures.ts';
import { asReference, beside, summarise } from '../report/summarise.ts';
import type { Target } from '../servers/server-under-test.ts';
import type { BenchFindings } from './bench-findings.ts';
import { type BenchOptions, DEFAULT_EVENTS, paceOf } from './bench-options.ts';
import { benchDirect } from './direct.ts';
import { openSurroundings, waylineTarget } from './surroundings.ts';

interface DoorCase {
  name: string;
  door: LoadDoor;
  load: ClosedLoopOptions;
}

/** The limit of the others with as many connections stands first. */
function doorCases(connections: number, inFlight: number): [limit: DoorCase, ...others: DoorCase[]] {
  const size = `${DEFAULT_EVENTS} events × ${connections}`;
  return [
    { name: `POST /v1/events, ${size}`, door: 'events', load: { connections } },
    { name: `WebSocket, ${size}, ${inFlight} in flight`, door: 'stream', load: { connections, inFlight } },
    { name: `CloudEvents batch, ${size}`, door: 'cloudevents', load: { connections } },
    { name: `Segment batch, ${size}`, door: 'segment', load: { connections } },
  ];
}

/** With many connections fewer frames each: all that is under way has to find room in the server's hands. */
const GROUPS = [doorCases(8, 8), doorCases(64, 2)];
const QUICK_GROUPS = GROUPS.slice(0, 1);

/**
 * What each door takes, beside `POST /v1/events` with the same events and connections; and what the worker stores of what
 * services wrote straight to Kafka, beside what came through ingest.
 */
export async function benchDoors(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const findings: BenchFindings = { cases: [], failures: [] };
  const add = ({ cases, failures }: BenchFindings): void => {
    findings.cases.push(...cases);
    findings.failures.push(...failures);
  };
  const { only = '', quick, logs } = options;
  const groups = (quick ? QUICK_GROUPS : GROUPS).flatMap(([limit, ...others]) =>
    logs.flatMap((log) => {
      const named = [limit, ...others].map((found) => ({ ...found, name: `${log}, ${found.name}` }));
      const wanted = named.filter(({ name }, i) => i === 0 || name.includes(only));
      return wanted.length > 1 || limit.name.includes(only) ? [{ log, wanted }] : [];
    }),
  );
  if (groups.length > 0) {
    await withClosers(closers, async (own) => {
      const surroundings = await openSurroundings(own, options);
      for (const { log, wanted } of groups) add(await measureGroup(waylineTarget(log, surroundings), wanted, options));
    });
  }
  add(await withClosers(closers, (own) => benchDirect(own, options)));
  return findings;
}

/** In turns, so that whatever the machine does meanwhile meets them all; the first is the others' limit. */
async function measureGroup(target: Target, group: readonly DoorCase[], options: BenchOptions): Promise<BenchFindings> {
  const { runs, ...times } = paceOf(options);
  const measured = group.map((found) => ({ ...found, runs: [] as Measurement[] }));
  for (let run = 1; run <= runs; run++) {
    for (const { name, door, load, runs: done } of measured) {
      options.tell(`${name}: run ${run} of ${runs}`);
      const shape = { kind: 'closed', ...load } as const;
      const [found] = await loadTarget(
        target,
        { eventsPerRequest: DEFAULT_EVENTS, door, shape },
        { ...times, runs: 1 },
      );
      done.push(found as Measurement);
    }
  }
  const [limit, ...others] = measured.map(({ name, runs: done }) => summarise(name, done));
  const reference = limit && asReference(limit);
  return {
    cases: limit ? [limit, ...others.map((found) => beside(found, { limit: reference }))] : [],
    failures: measured.flatMap(({ name, runs: done }) => failuresOf(name, done)),
  };
}
