import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMicros, difference, forgetPeak, peakRssMb } from '../measure/process-usage.ts';
import { sampleMemory } from '../measure/sample-memory.ts';
import { type Loop, startClosedLoop } from './closed-loop.ts';
import { type Channel, Connection, type ConnectionEvents } from './connection.ts';
import { formOf } from './door-form.ts';
import { giveWay } from './give-way.ts';
import type { LoadJob, LoadReport } from './load-job.ts';
import { startOpenLoop } from './open-loop.ts';
import { prepareRequests } from './prepared-request.ts';
import { Sender } from './sender.ts';
import { streamConnector } from './stream-client.ts';
import { addTally, newTally, reportTally } from './tally.ts';

/** For so long the last answers are awaited; ingest gives up on a log that does not answer sooner. */
const LAST_ANSWERS_MS = 15_000;
const WARMING_UP = { connections: 16 };
/** So many events are generated, of which the requests are made; each request has its own at least. */
const PREPARED_EVENTS = 5_000;
/** More where they are live, since sessions end with them: so many have the generator's mean length nearly. */
const PREPARED_LIVE_EVENTS = 20_000;

/** Makes a load, from this process. */
export async function runLoadJob(job: LoadJob): Promise<LoadReport> {
  const { port, writeKey, eventsPerRequest, ids, door = 'events', yields = false, live = false } = job;
  if (yields) await giveWay();
  const count = Math.max(
    4,
    Math.min(256, Math.round((live ? PREPARED_LIVE_EVENTS : PREPARED_EVENTS) / eventsPerRequest)),
  );
  const templates = prepareRequests(ids, { count, eventsPerRequest, writeKey, port, door, live });
  const sender = new Sender(templates, {
    connect: connector(job),
    acknowledgement: formOf(door).acknowledgement(eventsPerRequest),
  });
  const loop = await start(sender, job);

  await sleep((job.warmupSeconds * 1000) / 2);
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
  await settle(sender);
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

function connector({ port, writeKey, door, shape }: LoadJob): (events: ConnectionEvents) => Channel {
  if (door !== 'stream') return (events) => new Connection(port, events);
  return streamConnector({ port, writeKey, inFlight: shape.kind === 'closed' ? (shape.inFlight ?? 1) : 1 });
}

/**
 * The load, after half of the warming up. A server that has just been started cannot keep up with a fixed rate, and would
 * be measured with the queue of that time: it is first asked for no more than it can give, and half of what is left of the
 * warming up the rate grows.
 */
async function start(sender: Sender, { shape, warmupSeconds }: LoadJob): Promise<Loop> {
  const warmingUp = startClosedLoop(sender, shape.kind === 'closed' ? shape : WARMING_UP);
  await sleep((warmupSeconds * 1000) / 2);
  if (shape.kind === 'closed') return warmingUp;
  warmingUp.stop();
  await settle(sender);
  return startOpenLoop(sender, shape, (warmupSeconds * 1000) / 4);
}

/** Resolves when the last answers have come, or did not in time, and every connection is closed. */
async function settle(sender: Sender): Promise<void> {
  for (const deadline = performance.now() + LAST_ANSWERS_MS; sender.inFlight > 0 && performance.now() < deadline; ) {
    await sleep(5);
  }
  sender.closeAll();
  while (sender.connections > 0) await sleep(5);
}

function usage({ serverPid, brokerPid }: LoadJob) {
  const { user, system } = process.cpuUsage();
  return {
    server: cpuMicros(serverPid),
    broker: brokerPid === undefined ? undefined : cpuMicros(brokerPid),
    load: user + system,
  };
}
