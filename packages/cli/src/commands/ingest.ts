import { createIngest } from '@wayline/ingest';
import { INGEST_LOG_GRACE_MS, listen, logCheck, openKafka, openSecrets, serve } from '../compose.ts';
import type { Config } from '../config.ts';
import type { ExitCode } from '../errors.ts';
import { runService } from '../service.ts';

/** HTTP into the log; PostgreSQL is never touched. */
export function runIngest(config: Config<'ingest'>): Promise<ExitCode> {
  return runService('ingest', config, async (service) => {
    const { logger } = service;
    const { verifier } = await openSecrets(service, config.secretFile);
    const http = await listen(service);
    const log = await openKafka(service, config.kafkaBrokers);
    const { hotPath, router } = createIngest({ log, verifier, logger });
    serve(service, http, {
      hotPath,
      routers: [router],
      checks: [logCheck(log, INGEST_LOG_GRACE_MS)],
    });
    logger.info({ url: http.url, logId: log.id }, 'ingest is ready');
  });
}
