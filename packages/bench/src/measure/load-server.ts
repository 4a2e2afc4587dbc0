import { runInChild } from '../children/child-process.ts';
import { type Comparison, compareWithLog } from '../compare/compare-with-log.ts';
import { NumberSet } from '../compare/number-set.ts';
import type { LoadDoor } from '../load/door-form.ts';
import { newRunIds } from '../load/event-ids.ts';
import type { LoadReport, LoadShape } from '../load/load-job.ts';
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

/** One load, and what is in the log after it. */
export interface Measurement {
  eventsPerSecond: number;
  report: LoadReport;
  /** Per acknowledged event, µs of user and system. */
  cpuMicrosPerEvent: { server?: number; broker?: number; load: number };
  /** Undefined for a server that keeps nothing. */
  comparison?: Comparison;
}

/** Loads a server from a process of its own, and compares what it acknowledged with what it kept. */
export async function loadServer(server: ServerUnderTest, load: Load): Promise<Measurement> {
  const { eventsPerRequest } = load;
  const { port, pid: serverPid, brokerPid, writeKey, kept } = server;
  const ids = newRunIds();
  const from = (await kept?.ends()) ?? [];
  const report = await runInChild('load', { ...load, port, serverPid, brokerPid, writeKey, ids });
  const comparison = await kept?.read((log) =>
    compareWithLog(
      log,
      { topic: kept.topic, from },
      {
        marker: ids.marker,
        eventsPerRequest,
        requests: report.sentRequests,
        acknowledged: new NumberSet(Buffer.from(report.acknowledged, 'base64')),
      },
    ),
  );
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
