import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Closers, freePorts, isProcessAlive, startKafka, startProcess, startTcpProxy } from '@wayline/testkit';
import { openDatabase } from './database.ts';
import { clusterIdOf } from './kafka-admin.ts';
import { watchKafkaNetwork } from './kafka-network.ts';
import { RoleProcess, type RoleProcessOptions } from './role-process.ts';
import { INGEST_CLIENT, type Scene, type SceneWorker } from './scene.ts';
import { startTraffic } from './traffic.ts';

export interface SceneOptions {
  /** The program's file, `wayline.js`. */
  program: string;
  seed: number;
  rate: number;
  workers: number;
  /** Size of PostgreSQL's disk, where it can have one of its own. */
  diskBytes: number;
  note(sentence: string): void;
}

/** A worker that was killed or has stopped is missed soon. */
const SESSION_SECONDS = 6;
const PENDING_MS = 180_000;
const FOLDER_PREFIX = 'wayline-faults-run-';

/** Starts Kafka, PostgreSQL, the roles and the traffic; all of it goes with the closers. */
export async function openScene(closers: Closers, options: SceneOptions): Promise<Scene> {
  const { program, seed, rate, note } = options;
  await sweepStaleFolders();
  const folder = await mkdtemp(join(tmpdir(), `${FOLDER_PREFIX}${process.pid}-`));
  closers.add(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const database = await openDatabase(closers, folder, options.diskBytes);
  const kafka = await startKafka({ brokers: 3, proxied: true });
  closers.add(() => kafka.close());
  const brokers = kafka.brokers;

  const secretFile = join(folder, 'secrets.json');
  const shared = {
    KAFKA_BROKERS: brokers.join(','),
    WAYLINE_SECRET_FILE: secretFile,
    HOST: '127.0.0.1',
    LOG_LEVEL: 'warn',
    KAFKA_SESSION_SECONDS: String(SESSION_SECONDS),
  };
  const run = async (...args: string[]): Promise<string> => {
    const env = { ...shared, DATABASE_URL: database.url };
    const child = startProcess(process.execPath, [program, ...args], { env });
    const { code } = await child.exited;
    if (code !== 0) throw new Error(`wayline ${args.join(' ')} ended with ${code}: ${child.stderr.join('\n')}`);
    return child.stdout.join('\n');
  };
  await run('admin', 'create-secret', secretFile);
  await run('migrate');
  await run('admin', 'create-project', PROJECT);
  const writeKey = await run('admin', 'create-key', '--project', PROJECT);
  const token = await run('admin', 'create-token', '--project', PROJECT, '--scopes', 'read,admin');

  const log = { generation: 1 };
  const ports = await freePorts(options.workers + 3);
  const role = (name: string, kind: RoleProcessOptions['role'], env: Readonly<Record<string, string>>): RoleProcess => {
    const started = new RoleProcess({
      name,
      role: kind,
      program,
      port: ports.pop() as number,
      env: () => ({ ...shared, KAFKA_CLIENT_ID: name, KAFKA_GENERATION: String(log.generation), ...env }),
    });
    closers.add(() => started.kill());
    return started;
  };
  const worker = async (name: string): Promise<SceneWorker> => {
    const url = new URL(database.url);
    const proxy = await startTcpProxy({ host: url.hostname, port: Number(url.port) });
    closers.add(() => proxy.close());
    url.port = String(proxy.port);
    return { process: role(name, 'worker', { DATABASE_URL: url.href }), proxy, clientId: name };
  };
  const workers: SceneWorker[] = [];
  for (let i = 1; i <= options.workers; i++) workers.push(await worker(`worker-${i}`));
  const ingest = role(INGEST_CLIENT, 'ingest', {});
  const query = role('query', 'query', { DATABASE_URL: database.url });

  const spareWorker = await worker('worker-spare');
  const network = watchKafkaNetwork(kafka);
  const roles = [ingest, query, ...workers.map(({ process }) => process)];
  for (const each of roles) each.start();
  await Promise.all(roles.map((each) => each.ready()));
  const traffic = startTraffic({ url: ingest.url, brokers, writeKey, seed, rate });
  closers.add(() => traffic.abandon());
  return {
    kafka,
    network,
    database,
    ingest,
    query,
    workers,
    spareWorker,
    traffic,
    log,
    formerLogs: new Map(),
    copies: [],
    nothingPending: () => nothingPending(query.url, token),
    logId: async () => `${await clusterIdOf(brokers)}:${log.generation}`,
    note,
  };
}

/** Removes what runs that were killed left behind. */
async function sweepStaleFolders(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = new RegExp(`^${FOLDER_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isProcessAlive(Number(pid))) continue;
    await rm(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 5 }).catch(() => {});
  }
}

/** The one project that all events are of. */
export const PROJECT = 'default';

async function nothingPending(queryUrl: string, token: string): Promise<void> {
  let last = 'no answer';
  for (const deadline = Date.now() + PENDING_MS; Date.now() < deadline; await sleep(100)) {
    try {
      const response = await fetch(`${queryUrl}/v1/ledger`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(10_000),
      });
      last = await response.text();
      if (response.ok && (JSON.parse(last) as { pending: number | null }).pending === 0) return;
    } catch (error) {
      last = (error as Error).message;
    }
  }
  throw new Error(`There are still events pending after ${PENDING_MS / 1000} s: ${last.slice(-500)}`);
}
