import type { EventLog } from '@wayline/event-log';
import type { Closers, TestProcess } from '@wayline/testkit';
import type { BenchOptions } from '../benches/bench-options.ts';
import { type StoredProgress, watchProgress } from '../measure/stored-progress.ts';
import { type FreshDatabase, startFreshDatabase, useLogFiles } from './fresh-database.ts';
import { openLog } from './log-address.ts';
import { emptyTopic } from './own-kafka.ts';
import { startIngest, startWorker, type WorkerSite } from './worker-site.ts';

/** From HTTP to PostgreSQL, each role a process of its own. */
export interface Pipeline {
  topic: string;
  brokerPid: number | undefined;
  database: FreshDatabase;
  worker: TestProcess;
  ingest: { process: TestProcess; port: number; writeKey: string; projectId: number };
  progress: StoredProgress;
  /** Acknowledged by the log so far. */
  appended(): Promise<number>;
  withLog<T>(work: (log: EventLog) => Promise<T>): Promise<T>;
}

export async function openPipeline(
  closers: Closers,
  site: WorkerSite,
  { quick }: Pick<BenchOptions, 'quick'>,
): Promise<Pipeline> {
  await emptyTopic(site);
  const { topic } = site.address;
  const database = await startFreshDatabase(closers);
  if (!quick) await useLogFiles(database.url);
  const worker = startWorker(site, database.url);
  closers.add(() => worker.end());
  const ingest = await startIngest(site, database.url);
  closers.add(() => ingest.process.end());
  await worker.waitForLine(/the worker is ready/, 60_000);
  const log = await openLog(site.address);
  closers.add(() => log.close());
  const progress = await watchProgress(database.url);
  closers.add(() => progress.close());
  return {
    topic,
    brokerPid: site.brokerPid,
    database,
    worker,
    ingest,
    progress,
    appended: async () => (await log.ranges(topic)).reduce((sum, { end }) => sum + end, 0),
    withLog: (work) => work(log),
  };
}
