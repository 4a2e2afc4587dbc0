import { TOPICS } from '@wayline/contracts';
import type { Role } from '@wayline/contracts/api';
import type { EventLog, TopicSpec } from '@wayline/event-log';
import type { Shedder } from '@wayline/http';
import { createVerifier, type Verifier } from '@wayline/identity/verify';
import type { StreamDoor } from '@wayline/ingest';
import type { SettingsView } from '@wayline/settings';
import type { createPool } from '@wayline/store';
import type { Router } from 'express';
import type { Config } from './config.ts';
import { createOpeningLogger, kafkaSecurity } from './kafka-connection.ts';
import { openRegistry } from './schema-registry.ts';
import { readSecrets, type Secrets } from './secrets.ts';
import type { Service } from './service.ts';
import { createDescriptionRouter } from './serving/description-router.ts';
import { createHttpApp, createStartingApp, type HotPath } from './serving/http-app.ts';
import { type HttpServer, startHttpServer } from './serving/http-server.ts';
import { createReadiness, type ReadinessCheck } from './serving/readiness.ts';
import { readVersion } from './version.ts';

export type Pool = ReturnType<typeof createPool>;

/** For so long ingest stays ready while the log is away: its clients see Retry-After, and not a refused connection. */
export const INGEST_LOG_GRACE_MS = 60_000;
/** Of the time that stopping may take, the part that the requests in hand may have. */
const DRAIN_SHARE = 0.5;

/** Topics that a role needs; made where they are missing. */
export function topics(partitions: number): TopicSpec[] {
  return [
    ...[TOPICS.events, TOPICS.direct].map((name) => ({ name, partitions })),
    { name: TOPICS.settings, partitions: 1, compacted: true },
  ];
}

/** Listens, and answers that it is starting. */
export async function listen({ config, logger, lifecycle }: Service): Promise<HttpServer> {
  const { host, port, maxConnections } = config;
  const http = await startHttpServer({ host, port, maxConnections, listener: createStartingApp(logger) });
  lifecycle.onStop('the HTTP server', () => http.drain(drainMs(config)));
  return http;
}

/** Serves the routers from now on. On stopping, the requests in hand are finished before anything else ends. */
export function serve(
  { config, logger, lifecycle }: Service,
  http: HttpServer,
  { roles, hotPath, shedder, stream, routers, checks }: Served,
): void {
  const description = createDescriptionRouter({ roles, version: readVersion() });
  const readiness = createReadiness(checks);
  const app = createHttpApp({ hotPath, routers: [...routers, description], readiness, logger });
  http.serve(app, {
    ...(stream && { upgrade: (request, socket, head) => stream.upgrade(request, socket, head) }),
    ...(shedder && { shedder }),
  });
  const boundMs = drainMs(config);
  lifecycle.onStop('the requests in hand', () => Promise.all([stream?.close(boundMs), http.drain(boundMs)]));
}

interface Served {
  roles: readonly Role[];
  hotPath?: HotPath;
  shedder?: Shedder;
  stream?: StreamDoor;
  routers: readonly Router[];
  checks: readonly ReadinessCheck[];
}

const drainMs = ({ shutdownSeconds }: Config): number => shutdownSeconds * 1000 * DRAIN_SHARE;

/** The secrets, and the verifier of keys and tokens made from them. */
export async function openSecrets(
  { logger }: Service,
  secretFile: string,
): Promise<{ secrets: Secrets; verifier: Verifier }> {
  const secrets = await readSecrets(secretFile, (sentence) => logger.warn({ secretFile }, sentence));
  return { secrets, verifier: createVerifier({ secrets }) };
}

/** Connections for one role. */
export async function openPool({ config, logger, lifecycle }: Service, url: string, role: string): Promise<Pool> {
  const { createPool } = await import('@wayline/store');
  const pool: Pool = createPool({
    url,
    max: config.databaseConnections,
    applicationName: `wayline ${role}`,
    // Once the pool is ended, how its connections go is of no interest.
    logger: { warn: (fields, message) => (pool.ending ? undefined : logger.warn(fields, message)) },
  });
  lifecycle.onStop(`the connections of ${role}`, () => pool.end());
  return pool;
}

/** @throws LogSetupError, in time, if the brokers cannot be reached or the topics cannot be used */
export async function openKafka({ config, logger, lifecycle }: Service, brokers: readonly string[]): Promise<EventLog> {
  const { createKafkaLog } = await import('@wayline/event-log/kafka');
  const ofKafka = createOpeningLogger(logger);
  const log = await createKafkaLog({
    brokers,
    clientId: config.kafkaClientId,
    topics: topics(config.kafkaPartitions),
    maxBytesInFlight: logBytesInFlight(config),
    generation: config.kafkaGeneration,
    replication: config.kafkaReplication,
    sessionTimeoutMs: config.kafkaSessionSeconds * 1000,
    longestOutageMs: config.longestOutageHours * 3_600_000,
    ...(await kafkaSecurity(config)),
    logger: ofKafka,
  });
  ofKafka.release();
  lifecycle.onStop('the log', () => log.close());
  return log;
}

/** What ingest may have in hand. */
export function inFlightBytes({ inFlightMegabytes }: Config): number {
  return inFlightMegabytes * 1024 * 1024;
}

/** The log's own bound stands behind that of ingest, which refuses before it has spent anything on a request. */
export function logBytesInFlight(config: Config): number {
  return 2 * inFlightBytes(config);
}

/**
 * The settings of projects and keys, once they are known; they follow the log from then on.
 * @param file where a copy is kept for the time when the log cannot tell
 */
export async function openSettings(
  { config, logger, lifecycle }: Service,
  log: EventLog,
  file: string | undefined,
): Promise<SettingsView> {
  const { followSettings, withDefaults } = await import('@wayline/settings');
  const settings = followSettings({ log, topic: TOPICS.settings, file, logger });
  lifecycle.onStop('the settings', () => settings.close());
  await settings.ready;
  const { requestsPerSecond, eventsPerSecond, pastDays } = config;
  return withDefaults(settings, { rates: { requestsPerSecond, eventsPerSecond }, pastDays });
}

/** Stores the log, and brings to it what operators set; when the worker ends for good by itself, so does the process. */
export async function startWorker(
  { config, logger, lifecycle }: Service,
  parts: { log: EventLog; pool: Pool; verifier: Verifier; projectSettings: SettingsView },
): Promise<void> {
  const { createWorker, startHopRemaker, startMaintenance, startSettingsPublisher, startUserCounter } = await import(
    '@wayline/worker'
  );
  const { batchRows: maxRows, lingerMs, transactions: concurrency, rowsPerSecond, adaptive, maxRejected } = config;
  const { group } = config;
  const sessionTimeoutMs = config.kafkaSessionSeconds * 1000;
  const settings = { maxRows, lingerMs, concurrency, rowsPerSecond, adaptive, maxRejected };
  const registry = config.kafkaBrokers && (await openRegistry(config));
  const worker = createWorker({ ...parts, group, logger, settings, sessionTimeoutMs, ...(registry && { registry }) });
  lifecycle.onStop('the worker', () => worker.stop());
  worker.ended.catch((error: unknown) => lifecycle.fail(error, 'the worker ended for good'));
  await worker.start();
  const publisher = startSettingsPublisher({ ...parts, logger });
  lifecycle.onStop('the publisher of settings', () => publisher.stop());
  const { retentionDays, metricsRetentionDays: userCountDays, maintenanceSeconds } = config;
  const everyMs = maintenanceSeconds * 1000;
  const maintenance = startMaintenance({ ...parts, group, logger, retentionDays, userCountDays, everyMs });
  lifecycle.onStop('the maintenance', () => maintenance.stop());
  const { isBehind, givesWay, busyShare } = worker;
  const hops = startHopRemaker({ ...parts, logger, isBehind, givesWay, busyShare });
  lifecycle.onStop('the hops', () => hops.stop());
  const users = startUserCounter({ ...parts, logger });
  lifecycle.onStop('the counts of users', () => users.stop());
}

/** @param graceMs for so long a role stays ready although the log is away */
export function logCheck(log: EventLog, graceMs = 0): ReadinessCheck {
  return { name: 'log', check: () => log.ranges(TOPICS.events), graceMs };
}

export function databaseCheck(pool: Pool): ReadinessCheck {
  return { name: 'database', check: async () => (await import('@wayline/store')).ping(pool) };
}
