import { createIngest } from '@wayline/ingest';
import {
  INGEST_LOG_GRACE_MS,
  inFlightBytes,
  listen,
  logCheck,
  openKafka,
  openSecrets,
  openSettings,
  serve,
} from '../compose.ts';
import type { Config } from '../config.ts';
import { stateSettingsFile } from '../data-folder.ts';
import type { ExitCode } from '../errors.ts';
import { letHeapDouble } from '../heap-growth.ts';
import { frameEvents } from '../schema-registry.ts';
import { runService } from '../service.ts';

/** HTTP into the log; PostgreSQL is never touched. */
export function runIngest(config: Config<'ingest'>): Promise<ExitCode> {
  return runService('ingest', config, async (service) => {
    const { logger } = service;
    letHeapDouble();
    const { verifier } = await openSecrets(service, config.secretFile);
    const settingsFile = await stateSettingsFile(config.stateDir);
    const http = await listen(service);
    const log = await frameEvents(service, await openKafka(service, config.kafkaBrokers));
    const settings = await openSettings(service, log, settingsFile);
    const { hotPath, shedder, router, stream } = createIngest({
      log,
      verifier,
      settings,
      logger,
      maxBodyBytesHeld: inFlightBytes(config),
    });
    serve(service, http, {
      roles: ['ingest'],
      hotPath,
      shedder,
      stream,
      routers: [router],
      checks: [logCheck(log, INGEST_LOG_GRACE_MS)],
    });
    logger.info({ url: http.url, logId: log.id }, 'ingest is ready');
  });
}
