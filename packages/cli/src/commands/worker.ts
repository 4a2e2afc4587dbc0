import {
  databaseCheck,
  listen,
  logCheck,
  openKafka,
  openPool,
  openSecrets,
  openSettings,
  serve,
  startWorker,
} from '../compose.ts';
import type { Config } from '../config.ts';
import { stateSettingsFile } from '../data-folder.ts';
import type { ExitCode } from '../errors.ts';
import { runService } from '../service.ts';
import { requireSchema } from '../store-access.ts';

/** The log into PostgreSQL; over HTTP it tells of its health, and nothing else. */
export function runWorker(config: Config<'worker'>): Promise<ExitCode> {
  return runService('worker', config, async (service) => {
    const { verifier } = await openSecrets(service, config.secretFile);
    const settingsFile = await stateSettingsFile(config.stateDir);
    const http = await listen(service);
    await requireSchema(config.databaseUrl);
    const pool = await openPool(service, config.databaseUrl, 'worker');
    const log = await openKafka(service, config.kafkaBrokers);
    const projectSettings = await openSettings(service, log, settingsFile);
    await startWorker(service, { log, pool, verifier, projectSettings });
    serve(service, http, { roles: ['worker'], routers: [], checks: [logCheck(log), databaseCheck(pool)] });
    service.logger.info({ url: http.url, logId: log.id }, 'the worker is ready');
  });
}
