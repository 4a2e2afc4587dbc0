import type { EventLog } from '@wayline/event-log';
import { createIngest } from '@wayline/ingest';
import { banner } from '../all/banner.ts';
import { openDatabase } from '../all/database.ts';
import { developmentAccess } from '../all/development-access.ts';
import { hasEmbeddedLog, openEmbeddedLog, requireDrained } from '../all/embedded-log.ts';
import {
  databaseCheck,
  INGEST_LOG_GRACE_MS,
  inFlightBytes,
  listen,
  logCheck,
  openKafka,
  openPool,
  openSecrets,
  openSettings,
  type Pool,
  serve,
  startWorker,
} from '../compose.ts';
import { VARIABLES } from '../config/variables.ts';
import type { Config } from '../config.ts';
import { dataFolder, makeDataFolder } from '../data-folder.ts';
import { writeDevFile } from '../dev-file.ts';
import type { ExitCode } from '../errors.ts';
import { letHeapDouble } from '../heap-growth.ts';
import { openQueryRouter } from '../query-router.ts';
import { frameEvents } from '../schema-registry.ts';
import { makeSecrets } from '../secrets.ts';
import { runService, type Service } from '../service.ts';

/** Everything in one process, and a PostgreSQL beside it; prints what to do next when it is ready. */
export function runAll(config: Config<'all'>, print: (text: string) => void): Promise<ExitCode> {
  return runService('all', config, (service) => startAll(service, print));
}

async function startAll(service: Service<'all'>, print: (text: string) => void): Promise<void> {
  const { config, logger, lifecycle } = service;
  letHeapDouble();
  const folder = dataFolder(config.dataDir);
  await makeDataFolder(folder);
  // The embedded log comes first: it keeps a second process out of the folder.
  const embedded = config.kafkaBrokers && !hasEmbeddedLog(folder) ? undefined : await openEmbeddedLog(service, folder);
  if (!config.secretFile) await makeSecrets(folder.secretFile);
  const { secrets, verifier } = await openSecrets(service, config.secretFile ?? folder.secretFile);
  const http = await listen(service);

  const kafka = config.kafkaBrokers && !embedded ? await openFramed(service, config.kafkaBrokers) : undefined;
  const database = await openDatabase(service, folder);
  const pool = await openPool(service, database.url, 'query');
  const workerPool = await openPool(service, database.url, 'worker');
  const log = kafka ?? (await logInstead(embedded, service, pool));

  const access = await developmentAccess(pool, secrets);
  lifecycle.signal.throwIfAborted();
  const settings = await openSettings(service, log, folder.settingsFile);
  await startWorker(service, { log, pool: workerPool, verifier, projectSettings: settings });
  // Before it is ready: whoever waits for that may read the file at once.
  const dev = { url: http.url, dashboardUrl: `${http.url}/dashboard/`, ...access };
  await writeDevFile(folder.devFile, dev);
  const { hotPath, shedder, router, stream } = createIngest({
    log,
    verifier,
    settings,
    logger,
    maxBodyBytesHeld: inFlightBytes(config),
  });
  serve(service, http, {
    roles: ['ingest', 'worker', 'query'],
    hotPath,
    shedder,
    stream,
    routers: [router, await openQueryRouter(service, { pool, log, verifier })],
    checks: [logCheck(log, INGEST_LOG_GRACE_MS), databaseCheck(pool)],
  });

  print(
    banner({
      dev,
      folder,
      log: config.kafkaBrokers ? `Kafka at ${config.kafkaBrokers.join(', ')}` : 'embedded',
      database: database.name,
      usualFolder: config.dataDir === VARIABLES.dataDir.fallback,
      startedInMs: performance.now(),
      workingDirectory: process.cwd(),
    }),
  );
}

/** The embedded log; or Kafka in its place, once all that it holds is stored. */
async function logInstead(embedded: EventLog | undefined, service: Service<'all'>, pool: Pool): Promise<EventLog> {
  if (!embedded) throw new Error('where there is no embedded log, Kafka was opened');
  const { kafkaBrokers, group } = service.config;
  if (!kafkaBrokers) return embedded;
  await requireDrained(embedded, pool, group);
  return openFramed(service, kafkaBrokers);
}

async function openFramed(service: Service<'all'>, brokers: readonly string[]): Promise<EventLog> {
  return frameEvents(service, await openKafka(service, brokers));
}
