import { mkdir, realpath } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { clusterFiles, readPassword, readPort, writePort } from './cluster-files.ts';
import { ensureCluster, POSTGRES_USER } from './create-cluster.ts';
import { freePort } from './free-port.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { PostgresServerError } from './postgres-server-error.ts';
import { type Postmaster, type PostmasterExit, spawnPostmaster } from './postmaster.ts';
import { type StopSignal, signalPostmaster } from './signal-postmaster.ts';
import { ownerSetting, stopStalePostmaster } from './stale-postmaster.ts';

export interface PostgresServerOptions {
  /** Holds the cluster, its password and its port; made if absent. One server at a time may use it. */
  dataDir: string;
  /** Absent or 0: that of the last start if it is still free, else a free one. */
  port?: number;
  /** Settings of the server, such as `{ shared_buffers: '256MB' }`; they win over its configuration file. */
  settings?: Readonly<Record<string, string>>;
  /** Every line of the server's log. */
  onLog?(line: string): void;
  /** The server has ended without being told to. To have it back, call `startPostgresServer` again. */
  onExit?(error: PostgresServerError): void;
}

export interface PostgresServer {
  readonly port: number;
  readonly pid: number;
  /** A `postgresql://` address of a database of this server, password included; `postgres` always exists. */
  connectionString(database: string): string;
  /**
   * `fast` (default) ends the sessions and writes a checkpoint, `immediate` leaves that to the next start; neither loses
   * what was committed. Resolves when the server has ended, after 40 s at most.
   */
  stop(mode?: 'fast' | 'immediate'): Promise<void>;
  /** Resolves when the server has ended, for whatever reason. */
  readonly exited: Promise<void>;
}

/** How long the remains of a killed server may take to let go of its memory. */
const REMAINS_MS = 10_000;

/** Errors of the file system, such as EACCES and ENOSPC, as a sentence. */
async function asSentence<T>(dataDir: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const { syscall, message: reason } = error as NodeJS.ErrnoException;
    if (!syscall) throw error;
    const message = `The folder ${dataDir} for the database cannot be used: ${reason}`;
    throw new PostgresServerError(message, { cause: error });
  }
}

async function choosePort(wanted: number, lastPort: number | undefined): Promise<number> {
  if (wanted !== 0) {
    if (await freePort(wanted)) return wanted;
    throw new PostgresServerError(`Port ${wanted} for PostgreSQL is taken: stop what listens there, or choose another`);
  }
  const port = (lastPort && (await freePort(lastPort))) || (await freePort(0));
  if (port) return port;
  throw new PostgresServerError('PostgreSQL finds no free port on 127.0.0.1');
}

async function checkConnection(connectionString: string): Promise<void> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // the server may end at any time; its owner is told by `onExit`
  try {
    await client.connect();
  } catch (error) {
    const message = `PostgreSQL started, but refuses the password kept in its data folder: ${(error as Error).message}`;
    throw new PostgresServerError(message, { cause: error });
  }
  await client.end();
}

async function stopPostmaster(
  postmaster: Postmaster,
  mode: 'fast' | 'immediate',
  pgCtl: string,
): Promise<PostmasterExit> {
  const steps: [StopSignal, number][] = [
    ['INT', 30_000],
    ['QUIT', 8_000],
  ];
  for (const [signal, patienceMs] of mode === 'fast' ? steps : steps.slice(1)) {
    const timer = new AbortController();
    await signalPostmaster(postmaster.pid, signal, pgCtl);
    const timeout = sleep(patienceMs, undefined, { signal: timer.signal }).catch(() => undefined);
    const exit = await Promise.race([postmaster.ended, timeout]);
    timer.abort();
    if (exit) return exit;
  }
  await signalPostmaster(postmaster.pid, 'KILL', pgCtl);
  return postmaster.ended;
}

/**
 * Starts a PostgreSQL of its own on a data folder, making the database at the first start, and resolves when it accepts
 * connections on 127.0.0.1. Works as root too. If our process is killed the server stops by itself.
 * @throws PostgresServerError with one sentence for the operator
 */
export function startPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  return asSentence(options.dataDir, start(options));
}

async function start(options: PostgresServerOptions): Promise<PostgresServer> {
  const binaries = await findPostgresBinaries();
  await mkdir(options.dataDir, { recursive: true, mode: 0o711 }); // entered, not read, where another user must run it
  const files = clusterFiles(await realpath(options.dataDir));
  await stopStalePostmaster(files.cluster, binaries.pgCtl);
  const runAs = await ensureCluster(files, binaries);
  const password = await readPassword(files.password);

  const spawnOn = async (port: number) => {
    const settings = {
      timezone: 'UTC',
      log_timezone: 'UTC',
      ...options.settings,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      port: `${port}`,
      ...(await ownerSetting()),
    };
    return spawnPostmaster({ binaries, runAs, cluster: files.cluster, settings, onLog: options.onLog });
  };

  let port = await choosePort(options.port ?? 0, await readPort(files.port));
  let postmaster = await spawnOn(port);
  for (const deadline = Date.now() + REMAINS_MS; ; ) {
    const failure = await postmaster.ready.then(
      () => undefined,
      (error: PostgresServerError) => error,
    );
    if (!failure) break;
    const portLost = !options.port && (await freePort(port)) === undefined;
    const remains = failure.message.includes('shared memory block');
    if (!(portLost || remains) || Date.now() > deadline) throw failure;
    if (remains) await sleep(100);
    port = await choosePort(options.port ?? 0, portLost ? undefined : port);
    postmaster = await spawnOn(port);
  }

  const connectionString = (database: string) =>
    `postgresql://${POSTGRES_USER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}?sslmode=disable`;
  let stopping: Promise<unknown> | undefined;
  try {
    await checkConnection(connectionString('postgres'));
    await writePort(files.port, port);
  } catch (error) {
    await stopPostmaster(postmaster, 'fast', binaries.pgCtl);
    throw error;
  }
  void postmaster.ended.then(({ code, signal, lastWords }) => {
    if (stopping) return;
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
    options.onExit?.(new PostgresServerError(`PostgreSQL ${how}: ${lastWords}`));
  });
  return {
    port,
    pid: postmaster.pid,
    connectionString,
    exited: postmaster.ended.then(() => {}),
    async stop(mode = 'fast') {
      stopping ??= stopPostmaster(postmaster, mode, binaries.pgCtl);
      await stopping;
    },
  };
}
