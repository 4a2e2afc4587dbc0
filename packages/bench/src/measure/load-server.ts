import { runInChild } from '../children/child-process.ts';
import { type Comparison, compareWithLog } from '../compare/compare-with-log.ts';
import { NumberSet } from '../compare/number-set.ts';
import type { LoadDoor } from '../load/door-form.ts';
import { newRunIds } from '../load/event-ids.ts';
import type { LoadAim, LoadShape, SentReport, WhileReport } from '../load/load-job.ts';
import type { TurnsJob } from '../load/run-turns-job.ts';
import type { ServerUnderTest } from '../servers/server-under-test.ts';

export interface Load {
  eventsPerRequest: number;
  /** Default `events`. */
  door?: LoadDoor;
  shape: LoadShape;
  /** See `LoadJob`. */
  yields?: boolean;
  warmupSeconds: number;
  seconds: number;
}

/** A while of a load, and what is in the log after it. */
export interface Measurement {
  eventsPerSecond: number;
  report: WhileReport;
  /** Per acknowledged event, µs of user and system. */
  cpuMicrosPerEvent: { server?: number; broker?: number; load: number };
  /** Undefined for a server that keeps nothing, and where another while of the same process has it. */
  comparison?: Comparison;
}

/** Loads a server from a process of its own, and compares what it acknowledged with what it kept. */
export async function loadServer(server: ServerUnderTest, load: Load): Promise<Measurement> {
  const { found, comparison } = await runAndCompare(server, load, (aim) => runInChild('load', { ...load, ...aim }));
  return measurement(found, load, comparison);
}

export type Turns = Omit<TurnsJob, keyof LoadAim> & Pick<LoadAim, 'eventsPerRequest' | 'yields'>;

export interface FoundInTurns {
  fully: Measurement[];
  offered: Measurement[];
}

/** The same with two loads that take turns; both have the one comparison, of all that was sent. */
export async function loadInTurns(server: ServerUnderTest, load: Turns): Promise<FoundInTurns> {
  const { found, comparison } = await runAndCompare(server, load, (aim) => runInChild('turns', { ...load, ...aim }));
  const measured = (reports: readonly WhileReport[]) =>
    reports.map((report, i) => measurement(report, load, i === reports.length - 1 ? comparison : undefined));
  return { fully: measured(found.fully), offered: measured(found.offered) };
}

type Aim = Pick<LoadAim, 'port' | 'serverPid' | 'brokerPid' | 'writeKey' | 'ids'>;

async function runAndCompare<Report extends SentReport>(
  { port, pid: serverPid, brokerPid, writeKey, kept }: ServerUnderTest,
  { eventsPerRequest }: Pick<LoadAim, 'eventsPerRequest'>,
  run: (aim: Aim) => Promise<Report>,
): Promise<{ found: Report; comparison: Comparison | undefined }> {
  const ids = newRunIds();
  const from = (await kept?.ends()) ?? [];
  const found = await run({ port, serverPid, brokerPid, writeKey, ids });
  const comparison = await kept?.read((log) =>
    compareWithLog(
      log,
      { topic: kept.topic, from },
      {
        marker: ids.marker,
        eventsPerRequest,
        requests: found.sentRequests,
        acknowledged: new NumberSet(Buffer.from(found.acknowledged, 'base64')),
      },
    ),
  );
  return { found, comparison };
}

function measurement(
  report: WhileReport,
  { eventsPerRequest }: Pick<LoadAim, 'eventsPerRequest'>,
  comparison: Comparison | undefined,
): Measurement {
  const events = report.measured.acknowledged * eventsPerRequest;
  const perEvent = (micros: number | undefined) => (micros === undefined || events === 0 ? undefined : micros / events);
  const { server: ofServer, broker, load: ofLoad } = report.cpuMicros;
  return {
    eventsPerSecond: events / report.seconds,
    report,
    cpuMicrosPerEvent: { server: perEvent(ofServer), broker: perEvent(broker), load: perEvent(ofLoad) ?? 0 },
    comparison,
  };
}
