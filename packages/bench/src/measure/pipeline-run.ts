import { setTimeout as sleep } from 'node:timers/promises';
import { runInChild } from '../children/child-process.ts';
import { compareWithLog } from '../compare/compare-with-log.ts';
import { NumberSet } from '../compare/number-set.ts';
import { newRunIds } from '../load/event-ids.ts';
import type { ProbeReport } from '../load/run-probe-job.ts';
import type { Pipeline } from '../servers/pipeline.ts';
import { until } from './drain.ts';
import type { Measurement } from './load-server.ts';
import { forgetLogFiles } from './page-cache.ts';
import { cpuMicros, difference, forgetPeak, peakRssMb, treeCpuMicros } from './process-usage.ts';

/** A load at a fixed rate through the whole pipeline, and events beside it whose way was timed. */
export interface PipelineRun {
  load: Measurement;
  probes: ProbeReport;
  /** Of the measured while. */
  stored: {
    rows: number;
    seconds: number;
    /** Acknowledged, and not stored at its end. */
    unstored: number;
    micros: Record<'worker' | 'database' | 'broker' | 'ingest', number | undefined>;
    /** The worker's. */
    peakRssMb: number | undefined;
  };
}

interface PipelineLoad {
  requestsPerSecond: number;
  eventsPerRequest: number;
  seconds: number;
}

/** The processes of the load were just started, and take a core meanwhile. */
const LEAD_SECONDS = 5;
const QUICK_LEAD_SECONDS = 0.5;
const MOST_CONNECTIONS = 256;
/** Short: it goes at full speed, and what it leaves unstored would be measured. */
const WARMUP_SECONDS = 0.1;
const PROBE_EVERY_MS = 20;
const LOOK_EVERY_MS = 50;

/** Resolves when all of it is stored. */
export async function measurePipeline(pipeline: Pipeline, about: PipelineLoad): Promise<PipelineRun> {
  const { requestsPerSecond, eventsPerRequest, seconds } = about;
  const { topic, brokerPid, database, ingest, worker, progress } = pipeline;
  const { port, writeKey, projectId } = ingest;
  const lead = seconds < 5 ? QUICK_LEAD_SECONDS : LEAD_SECONDS;
  await forgetLogFiles(brokerPid);
  const from = await pipeline.withLog((log) => log.ranges(topic));
  const before = await pipeline.appended();
  const ids = newRunIds();

  const loading = runInChild('load', {
    port,
    writeKey,
    eventsPerRequest,
    ids,
    live: true,
    shape: { kind: 'open', requestsPerSecond, maxConnections: MOST_CONNECTIONS },
    warmupSeconds: WARMUP_SECONDS,
    seconds: lead + seconds + 1,
    serverPid: ingest.process.pid,
    brokerPid,
  });
  let over = false; // before it began, only where it failed, which is seen below
  const settled = () => {
    over = true;
  };
  loading.then(settled, settled);
  while (!over && (await pipeline.appended()) === before) await sleep(LOOK_EVERY_MS);
  const probe = { port, writeKey, projectId, databaseUrl: database.url, everyMs: PROBE_EVERY_MS };
  const probing = runInChild('probe', { ...probe, warmupSeconds: lead, seconds });
  probing.catch(() => undefined); // awaited below
  await sleep(lead * 1000);
  const usage = () => ({
    worker: cpuMicros(worker.pid),
    database: treeCpuMicros(database.postmasterPid),
    broker: brokerPid === undefined ? undefined : cpuMicros(brokerPid),
    ingest: cpuMicros(ingest.process.pid),
  });
  forgetPeak(worker.pid);
  const first = { ...(await progress.look()), usage: usage(), ms: performance.now() };
  await sleep(seconds * 1000);
  const last = { ...(await progress.look()), usage: usage(), ms: performance.now() };
  const unstored = (await pipeline.appended()) - last.records;

  const [report, probes] = await Promise.all([loading, probing]);
  await until(await pipeline.appended(), { progress, worker, everyMs: LOOK_EVERY_MS });
  const acknowledged = new NumberSet(Buffer.from(report.acknowledged, 'base64'));
  const sent = { marker: ids.marker, eventsPerRequest, requests: report.sentRequests, acknowledged };
  const compared = await pipeline.withLog((log) => compareWithLog(log, { topic, from }, sent));
  return {
    load: {
      eventsPerSecond: (report.measured.acknowledged * eventsPerRequest) / report.seconds,
      report,
      cpuMicrosPerEvent: { load: 0 },
      // Of what has none of this load's ids, so many are known.
      comparison: { ...compared, foreign: compared.foreign - probes.acknowledged },
    },
    probes,
    stored: {
      rows: last.records - first.records,
      seconds: (last.ms - first.ms) / 1000,
      unstored,
      micros: {
        worker: difference(last.usage.worker, first.usage.worker),
        database: difference(last.usage.database, first.usage.database),
        broker: difference(last.usage.broker, first.usage.broker),
        ingest: difference(last.usage.ingest, first.usage.ingest),
      },
      peakRssMb: peakRssMb(worker.pid),
    },
  };
}
