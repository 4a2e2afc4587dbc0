import type { Role } from './config/variables.ts';
import { type Config, isRunByNpm } from './config.ts';
import type { ExitCode } from './errors.ts';
import { createLifecycle, type Lifecycle } from './lifecycle.ts';
import { createLogger, type Logger } from './logger.ts';
import { bindToProcess } from './process-signals.ts';
import { report } from './report.ts';

/** What every role that stays running is built from. */
export interface Service<R extends Role = Role> {
  config: Config<R>;
  logger: Logger;
  lifecycle: Lifecycle;
}

/** Runs a role from its start until it is told to stop, or fails; answers with the exit code when all is released. */
export async function runService<R extends Role>(
  role: R,
  config: Config<R>,
  start: (service: Service<R>) => Promise<void>,
): Promise<ExitCode> {
  const logger = createLogger(config.logLevel, { role });
  const lifecycle = createLifecycle({ logger, boundMs: config.shutdownSeconds * 1000, report });
  const unbind = bindToProcess(lifecycle, logger, isRunByNpm());
  try {
    return await lifecycle.run(() => start({ config, logger, lifecycle }));
  } finally {
    unbind();
  }
}
