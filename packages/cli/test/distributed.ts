import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresServer, startPostgresServer } from '@wayline/postgres-server';
import {
  type Closers,
  freePort,
  type KafkaCluster,
  runWayline,
  startKafka,
  startWayline,
  type TestProcess,
} from '@wayline/testkit';

export interface Restartable {
  url: string;
  /** SIGKILL, and nothing more. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, and the same start again; resolves when it is ready. */
  restart(): Promise<void>;
}

/** A process of the program on a port that stays the same over restarts. */
export async function startRestartable(
  closers: Closers,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Restartable> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const start = async (): Promise<TestProcess> => {
    const started = startWayline(args, { env: { ...env, PORT: String(port) } });
    await started.waitForHttp(`${url}/readyz`, 200, 60_000);
    return started;
  };
  let current = await start();
  closers.add(() => current.end('SIGTERM'));
  const kill = async () => void (await current.end('SIGKILL'));
  return {
    url,
    kill,
    stop: async () => (await current.end('SIGTERM')).code,
    async restart() {
      await kill();
      current = await start();
    },
  };
}

/** The roles as processes of their own, on a Kafka and a PostgreSQL of their own, with all that a client needs. */
export interface Distributed {
  kafka: KafkaCluster;
  postgres: {
    url: string;
    /** SIGKILL; gone until `restart`. */
    kill(): Promise<void>;
    restart(): Promise<void>;
  };
  ingest: Restartable;
  query: Restartable;
  workers: readonly Restartable[];
  /** One more of a role. */
  start(role: string): Promise<Restartable>;
  writeKey: string;
  /** With the scopes `read` and `admin`. */
  token: string;
  /** Runs a command to its end, and answers with what it printed. */
  run(...args: string[]): Promise<string>;
}

export async function startDistributed(
  closers: Closers,
  { workers, env: more = {} }: { workers: number; env?: Readonly<Record<string, string>> },
): Promise<Distributed> {
  const folder = await closers.folder('test');
  const secretFile = join(folder, 'secrets.json');
  const [kafka, postgres] = await Promise.all([
    startKafka().then((started) => {
      closers.add(() => started.close());
      return started;
    }),
    startPostgres(closers, join(folder, 'postgres')),
    runWayline(['admin', 'create-secret', secretFile]),
  ]);
  const env = {
    DATABASE_URL: postgres.url,
    KAFKA_BROKERS: kafka.brokers.join(','),
    WAYLINE_SECRET_FILE: secretFile,
    HOST: '127.0.0.1',
    KAFKA_SESSION_SECONDS: '8', // a worker that was killed is missed soon
    ...more,
  };
  const run = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runWayline(args, { env });
    if (code !== 0) throw new Error(`wayline ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  };
  await run('migrate');
  await run('admin', 'create-project', 'default');
  const writeKey = await run('admin', 'create-key', '--project', 'default');
  const token = await run('admin', 'create-token', '--project', 'default', '--scopes', 'read,admin');
  const start = (role: string) => startRestartable(closers, [role], env);
  const [ingest, query, ...started] = await Promise.all([
    start('ingest'),
    start('query'),
    ...Array.from({ length: workers }, () => start('worker')),
  ]);
  return { kafka, postgres, ingest, query, workers: started, start, writeKey, token, run };
}

async function startPostgres(closers: Closers, dataDir: string): Promise<Distributed['postgres']> {
  let server: PostgresServer = await startPostgresServer({ dataDir });
  closers.add(() => server.stop());
  const url = server.connectionString('postgres');
  const kill = async () => {
    const gone = server.exited;
    try {
      process.kill(server.pid, 'SIGKILL');
    } catch {
      // killed before
    }
    await gone;
  };
  return {
    url,
    kill,
    async restart() {
      await kill();
      server = await startPostgresServer({ dataDir, port: Number(new URL(url).port) });
    },
  };
}

/** Resolves when the ledger says that nothing of the log is unread. */
export async function nothingPending(queryUrl: string, token: string): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(100)) {
    const response = await fetch(`${queryUrl}/v1/ledger`, { headers: { authorization: `Bearer ${token}` } }).catch(
      () => undefined,
    );
    if (response?.ok && ((await response.json()) as { pending: number | null }).pending === 0) return;
  }
  throw new Error('There are still events pending after two minutes');
}
