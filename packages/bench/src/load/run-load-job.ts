import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMicros, forgetPeak, peakRssMb } from '../measure/process-usage.ts';
import { sampleMemory } from '../measure/sample-memory.ts';
import { type Loop, startClosedLoop } from './closed-loop.ts';
import type { LoadJob, LoadReport } from './load-job.ts';
import { startOpenLoop } from './open-loop.ts';
import { prepareRequests } from './prepared-request.ts';
import { Sender } from './sender.ts';
import { addTally, newTally, reportTally } from './tally.ts';

/** For so long the last answers are awaited; ingest gives up on a log that does not answer sooner. */
const LAST_ANSWERS_MS = 15_000;
/** So many events are generated, of which the requests are made; each request has its own at least. */
const PREPARED_EVENTS = 5_000;

/** Makes a load, from this process. */
export async function runLoadJob(job: LoadJob): Promise<LoadReport> {
  const { port, writeKey, eventsPerRequest, ids, shape } = job;
  const count = Math.max(4, Math.min(256, Math.round(PREPARED_EVENTS / eventsPerRequest)));
  const sender = new Sender(port, prepareRequests(ids, { count, eventsPerRequest, writeKey, port }));
  const loop: Loop = shape.kind === 'closed' ? startClosedLoop(sender, shape) : startOpenLoop(sender, shape);

  await sleep(job.warmupSeconds * 1000);
  const whole = sender.tally;
  sender.tally = newTally();
  forgetPeak(job.serverPid);
  const before = { cpu: usage(job), ms: performance.now() };
  const memory = sampleMemory(job.serverPid, Math.min(1000, Math.max(50, job.seconds * 20)));
  await sleep(job.seconds * 1000);
  const seconds = (performance.now() - before.ms) / 1000;
  const after = usage(job);
  const course = memory.stop();
  const peak = peakRssMb(job.serverPid);
  const measured = sender.tally;
  sender.tally = newTally();

  loop.stop();
  for (const deadline = performance.now() + LAST_ANSWERS_MS; sender.inFlight > 0 && performance.now() < deadline; ) {
    await sleep(5);
  }
  sender.closeAll();
  while (sender.connections > 0) await sleep(5);
  addTally(whole, measured);
  addTally(whole, sender.tally);

  return {
    seconds,
    measured: reportTally(measured),
    whole: reportTally(whole),
    sentRequests: sender.sent,
    acknowledged: Buffer.from(sender.acknowledged.bytes).toString('base64'),
    firstFault: sender.firstFault,
    cpuMicros: {
      server: difference(after.server, before.cpu.server),
      broker: difference(after.broker, before.cpu.broker),
      load: after.load - before.cpu.load,
    },
    peakRssMb: peak,
    memory: course,
  };
}

function usage({ serverPid, brokerPid }: LoadJob) {
  const { user, system } = process.cpuUsage();
  return {
    server: cpuMicros(serverPid),
    broker: brokerPid === undefined ? undefined : cpuMicros(brokerPid),
    load: user + system,
  };
}

const difference = (after: number | undefined, before: number | undefined): number | undefined =>
  after === undefined || before === undefined ? undefined : after - before;
