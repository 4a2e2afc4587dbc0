import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMicros, difference, forgetPeak, peakRssMb } from '../measure/process-usage.ts';
import { sampleMemory } from '../measure/sample-memory.ts';
import type { Loop } from './closed-loop.ts';
import type { LoadAim, SentReport, WhileReport } from './load-job.ts';
import type { Sender } from './sender.ts';
import { addTally, newTally, reportTally } from './tally.ts';

/** For so long the last answers are awaited; ingest gives up on a log that does not answer sooner. */
const LAST_ANSWERS_MS = 15_000;

/** Measures a load that goes on for so many seconds, then ends it, and resolves with its last answers. */
export async function measureWhile(
  sender: Sender,
  loop: Loop,
  { seconds: length, ...aim }: Pick<LoadAim, 'serverPid' | 'brokerPid'> & { seconds: number },
): Promise<WhileReport> {
  const { serverPid } = aim;
  const whole = sender.tally;
  sender.tally = newTally();
  forgetPeak(serverPid);
  const before = { cpu: usage(aim), ms: performance.now() };
  const memory = sampleMemory(serverPid, Math.min(1000, Math.max(50, length * 20)));
  await sleep(length * 1000);
  const seconds = (performance.now() - before.ms) / 1000;
  const after = usage(aim);
  const samples = memory.stop();
  const peak = peakRssMb(serverPid);
  const measured = sender.tally;
  sender.tally = newTally();

  loop.stop();
  await lastAnswers(sender);
  addTally(whole, measured);
  addTally(whole, sender.tally);
  sender.tally = newTally();

  return {
    seconds,
    measured: reportTally(measured),
    whole: reportTally(whole),
    firstFault: sender.firstFault,
    cpuMicros: {
      server: difference(after.server, before.cpu.server),
      broker: difference(after.broker, before.cpu.broker),
      load: after.load - before.cpu.load,
    },
    peakRssMb: peak,
    memory: samples,
  };
}

/** Resolves when the last answers have come, or did not in time. */
export async function lastAnswers(sender: Sender): Promise<void> {
  for (const deadline = performance.now() + LAST_ANSWERS_MS; sender.inFlight > 0 && performance.now() < deadline; ) {
    await sleep(5);
  }
}

/** Closes every connection, when the last answers have come; all that was sent. */
export async function finish(sender: Sender): Promise<SentReport> {
  await lastAnswers(sender);
  sender.closeAll();
  while (sender.connections > 0) await sleep(5);
  return { sentRequests: sender.sent, acknowledged: Buffer.from(sender.acknowledged.bytes).toString('base64') };
}

function usage({ serverPid, brokerPid }: Pick<LoadAim, 'serverPid' | 'brokerPid'>) {
  const { user, system } = process.cpuUsage();
  return {
    server: cpuMicros(serverPid),
    broker: brokerPid === undefined ? undefined : cpuMicros(brokerPid),
    load: user + system,
  };
}
