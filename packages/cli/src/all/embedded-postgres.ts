import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresServer, startPostgresServer } from '@wayline/postgres-server';
import type { Logger } from '../logger.ts';
import { EMBEDDED_DATABASE } from '../store-access.ts';

/** A PostgreSQL of our own that is started again when it dies, on the same port, so that its address holds. */
export interface EmbeddedPostgres {
  /** With the password. */
  readonly url: string;
  readonly port: number;
  stop(): Promise<void>;
  /** Lets it go without waiting. */
  force(): void;
}

const MAX_PAUSE_MS = 5_000;
/** One that ran for so long and then died is started again without a pause. */
const LASTING_MS = 30_000;

/** @throws PostgresServerError if it does not start the first time */
export async function startEmbeddedPostgres(options: { dataDir: string; logger: Logger }): Promise<EmbeddedPostgres> {
  const { dataDir, logger } = options;
  const stopping = new AbortController();
  let restart = Promise.resolve();
  let startedAt = performance.now();
  let pauseMs = 0;

  const start = (port?: number): Promise<PostgresServer> =>
    startPostgresServer({
      dataDir,
      port,
      onLog: (line) => logger.debug({ line }, 'PostgreSQL'),
      onExit(error) {
        logger.warn({ err: error }, 'PostgreSQL ended and is started again');
        if (performance.now() - startedAt > LASTING_MS) pauseMs = 0;
        restart = startAgain();
      },
    });
  let server = await start();
  const { port } = server;

  /** Tries for as long as it takes: until then events are accepted, and wait in the log. */
  async function startAgain(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      pauseMs = Math.min(Math.max(pauseMs * 2, 100), MAX_PAUSE_MS);
      if (stopping.signal.aborted) return;
      try {
        server = await start(port);
        startedAt = performance.now();
        logger.warn({ port }, 'PostgreSQL is back');
        return;
      } catch (error) {
        logger.error({ err: error }, 'PostgreSQL cannot be started again yet');
      }
    }
  }

  return {
    url: server.connectionString(EMBEDDED_DATABASE),
    port,
    async stop() {
      stopping.abort();
      await restart;
      await server.stop();
    },
    force() {
      stopping.abort();
      void server.stop('immediate').catch(() => undefined);
    },
  };
}
