import { setTimeout as sleep } from 'node:timers/promises';
import type { TestProcess } from '@wayline/testkit';
import type { FreshDatabase } from '../servers/fresh-database.ts';
import { startWorker, type WorkerSite } from '../servers/worker-site.ts';
import { cpuMicros, difference, peakRssMb, treeCpuMicros } from './process-usage.ts';
import { type MemoryCourse, memoryCourse, sampleMemory } from './sample-memory.ts';
import { type StoredProgress, watchProgress } from './stored-progress.ts';

/** A log that was full, stored by one worker; from when the first rows were seen to when the last was. */
export interface Drain {
  /** Stored, or found to be duplicates, in that time. */
  records: number;
  seconds: number;
  workerMicros: number | undefined;
  databaseMicros: number | undefined;
  brokerMicros: number | undefined;
  /** What PostgreSQL wrote ahead. */
  walBytes: number;
  peakRssMb: number | undefined;
  memory: MemoryCourse | undefined;
}

const BEFORE_FIRST_MS = 5;
/** A look takes PostgreSQL most of a millisecond beside a drain: few of them, until the end is near. */
const LOOK_EVERY_MS = 250;
const NEAR_THE_END = 0.95;
const LOOK_CLOSELY_MS = 25;
const MEMORY_EVERY_MS = 250;
/** Without any progress for so long a drain has failed. */
const PATIENCE_MS = 60_000;

export async function drain(site: WorkerSite, database: FreshDatabase, records: number): Promise<Drain> {
  const progress = await watchProgress(database.url, site.address.topic);
  const worker = startWorker(site, database.url);
  try {
    const usage = () => ({
      worker: cpuMicros(worker.pid),
      database: treeCpuMicros(database.postmasterPid),
      broker: site.brokerPid === undefined ? undefined : cpuMicros(site.brokerPid),
    });
    const started = { ...(await progress.look()), usage: usage(), ms: performance.now() };
    await until(1, { progress, worker, everyMs: BEFORE_FIRST_MS });
    const first = { ...(await progress.look()), usage: usage(), ms: performance.now() };
    const memory = sampleMemory(worker.pid, MEMORY_EVERY_MS);
    await until(NEAR_THE_END * records, { progress, worker, everyMs: LOOK_EVERY_MS });
    await until(records, { progress, worker, everyMs: LOOK_CLOSELY_MS });
    const last = { ms: performance.now(), ...(await progress.look()), usage: usage() };
    // So few records that most came at once: then from the start of the process.
    const from = first.records > records / 2 ? started : first;
    return {
      records: last.records - from.records,
      seconds: (last.ms - from.ms) / 1000,
      workerMicros: difference(last.usage.worker, from.usage.worker),
      databaseMicros: difference(last.usage.database, from.usage.database),
      brokerMicros: difference(last.usage.broker, from.usage.broker),
      walBytes: last.walBytes - from.walBytes,
      peakRssMb: peakRssMb(worker.pid),
      memory: memoryCourse(memory.stop()),
    };
  } finally {
    await worker.end();
    await progress.close();
  }
}

/** Resolves when so many records are stored; rejects when the worker ends, or stands still, before. */
export async function until(
  records: number,
  about: { progress: StoredProgress; worker: TestProcess; everyMs: number },
): Promise<void> {
  const { progress, worker, everyMs } = about;
  let ended = false;
  void worker.exited.then(() => {
    ended = true;
  });
  let stored = -1;
  for (let deadline = 0; ; await sleep(everyMs)) {
    const { records: now } = await progress.look();
    if (now >= records) return;
    if (now > stored) deadline = performance.now() + PATIENCE_MS;
    stored = now;
    if (!ended && performance.now() < deadline) continue;
    const lines = [...worker.stdout, ...worker.stderr].slice(-10).join('\n');
    throw new Error(`The worker ${ended ? 'ended' : 'stood still'} at ${now} of ${records} records:\n${lines}`);
  }
}
