import { databaseCheck, listen, logCheck, openKafka, openPool, openSecrets, serve } from '../compose.ts';
import type { Config } from '../config.ts';
import type { ExitCode } from '../errors.ts';
import { openQueryRouter } from '../query-router.ts';
import { runService } from '../service.ts';
import { requireSchema } from '../store-access.ts';

/** The trace API over PostgreSQL. */
export function runQuery(config: Config<'query'>): Promise<ExitCode> {
  return runService('query', config, async (service) => {
    const { logger } = service;
    const { verifier } = await openSecrets(service, config.secretFile);
    const http = await listen(service);
    await requireSchema(config.databaseUrl);
    const pool = await openPool(service, config.databaseUrl, 'query');
    const log = await openKafka(service, config.kafkaBrokers);
    serve(service, http, {
      roles: ['query'],
      routers: [await openQueryRouter(service, { pool, log, verifier })],
      // Without the log it still answers, and says that it cannot tell how complete the answers are.
      checks: [logCheck(log, Number.POSITIVE_INFINITY), databaseCheck(pool)],
    });
    logger.info({ url: http.url, logId: log.id }, 'query is ready');
  });
}
