import type { NewRecord } from '@wayline/event-log';
import { generateEvents } from '@wayline/testkit';
import { type LogAddress, openLog } from '../servers/log-address.ts';

/** What the log takes without HTTP: so many calls in flight, of so many records each. */
export interface AppendJob {
  log: LogAddress;
  recordsPerCall: number;
  callsInFlight: number;
  warmupSeconds: number;
  seconds: number;
}

export interface AppendReport {
  eventsPerSecond: number;
  cpuMicrosPerEvent: number;
}

const PREPARED_EVENTS = 5_000;

/** Appends records that were made beforehand, from this process. */
export async function runAppendJob(job: AppendJob): Promise<AppendReport> {
  const { recordsPerCall, callsInFlight } = job;
  const log = await openLog(job.log);
  const calls = prepareCalls(recordsPerCall);
  let appended = 0;
  let next = 0;
  let stopped = false;
  const work = async () => {
    while (!stopped) {
      await log.append(job.log.topic, calls[next++ % calls.length] as NewRecord[]);
      appended += recordsPerCall;
    }
  };
  const working = Promise.all(Array.from({ length: callsInFlight }, work));
  const pause = (seconds: number) =>
    Promise.race([working, new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000))]);

  await pause(job.warmupSeconds);
  const before = { appended, cpu: process.cpuUsage(), ms: performance.now() };
  await pause(job.seconds);
  const { user, system } = process.cpuUsage(before.cpu);
  const seconds = (performance.now() - before.ms) / 1000;
  const counted = appended - before.appended;
  stopped = true;
  await working;
  await log.close();
  return { eventsPerSecond: counted / seconds, cpuMicrosPerEvent: (user + system) / counted };
}

function prepareCalls(recordsPerCall: number): NewRecord[][] {
  const records = [...generateEvents({ count: Math.max(PREPARED_EVENTS, recordsPerCall) })].map(
    (line): NewRecord => ({ key: (JSON.parse(line) as { sessionId: string }).sessionId, value: Buffer.from(line) }),
  );
  return Array.from({ length: Math.floor(records.length / recordsPerCall) }, (_, i) =>
    records.slice(i * recordsPerCall, (i + 1) * recordsPerCall),
  );
}
