import { join } from 'node:path';
import { TOPICS } from '@wayline/contracts';
import { type Closers, runWayline, startWayline, type TestProcess } from '@wayline/testkit';
import type { BenchOptions } from '../benches/bench-options.ts';
import { processListening } from '../measure/process-listening.ts';
import { IMAGE_ENV, WORKER_ENV } from './image-env.ts';
import { startOwnKafka } from './own-kafka.ts';

/** A Kafka of its own, and what Wayline's processes on it are told. */
export interface WorkerSite {
  folder: string;
  address: { topic: string; brokers: readonly string[] };
  brokerPid: number | undefined;
  env: Readonly<Record<string, string>>;
}

export async function openWorkerSite(closers: Closers, options: Pick<BenchOptions, 'quick'>): Promise<WorkerSite> {
  const folder = await closers.folder('bench');
  const secretFile = join(folder, 'secrets.json');
  await wayline(['admin', 'create-secret', secretFile], {});
  const brokers = await startOwnKafka(closers, options);
  const [broker = ''] = brokers;
  return {
    folder,
    address: { topic: TOPICS.events, brokers },
    brokerPid: processListening(Number(broker.split(':').at(-1))),
    env: {
      ...IMAGE_ENV,
      WAYLINE_SECRET_FILE: secretFile,
      KAFKA_BROKERS: broker,
      HOST: '127.0.0.1',
      PORT: '0',
      LOG_LEVEL: 'info',
    },
  };
}

/** The role `worker`, as it is deployed. */
export function startWorker({ env }: WorkerSite, databaseUrl: string): TestProcess {
  return startWayline(['worker'], { env: { ...WORKER_ENV, ...env, DATABASE_URL: databaseUrl } });
}

/** The role `ingest`, ready, and a key for it. */
export async function startIngest(site: WorkerSite, databaseUrl: string) {
  const { projectId, writeKey } = await makeKey(site, databaseUrl);
  const process = startWayline(['ingest'], { env: site.env });
  const [, url = ''] = await process.waitForLine(/"url":"([^"]+)".*ingest is ready/, 60_000);
  return { process, port: Number(new URL(url).port), writeKey, projectId };
}

/** A project, and a key that may write to it; good wherever the site's secret is. */
export async function makeKey(site: WorkerSite, databaseUrl: string): Promise<{ projectId: number; writeKey: string }> {
  const env = { ...site.env, DATABASE_URL: databaseUrl };
  const { id: projectId } = await makeProject(env);
  const writeKey = (await wayline(['admin', 'create-key', '--project', PROJECT], env)).trim();
  return { projectId, writeKey };
}

/** Gives the site's schema registry the schemas of this version. */
export async function registerSchemas(site: WorkerSite, databaseUrl: string): Promise<void> {
  await wayline(['migrate'], { ...site.env, DATABASE_URL: databaseUrl });
}

/** The role `query`, ready, and a token that may read the one project. */
export async function startQuery(site: WorkerSite, databaseUrl: string, { hasProject = false } = {}) {
  const env = { ...site.env, DATABASE_URL: databaseUrl };
  if (!hasProject) await makeProject(env);
  const token = await wayline(['admin', 'create-token', '--project', PROJECT, '--scopes', 'read,aggregation'], env);
  const process = startWayline(['query'], { env });
  const [, url = ''] = await process.waitForLine(/"url":"([^"]+)".*query is ready/, 60_000);
  return { process, url, token };
}

const PROJECT = 'bench';

const makeProject = async (env: Readonly<Record<string, string>>): Promise<{ id: number }> =>
  JSON.parse(await wayline(['admin', 'create-project', PROJECT, '--json'], env));

async function wayline(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const { code, stdout, stderr } = await runWayline(args, { env });
  if (code !== 0) throw new Error(`wayline ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}
