import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { ProblemError } from '@wayline/contracts';
import { type HttpLogger, noSuchRoute, problemHandler, requestId, servesOnly } from '@wayline/http';
import express, { type Express, type RequestHandler, type Router } from 'express';
import type { Readiness } from './readiness.ts';

/** Answers a request, or says false and leaves it alone. */
export type HotPath = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface HttpAppOptions {
  /** Asked before express, which costs more than what a frequent request needs. */
  hotPath?: HotPath;
  routers: readonly Router[];
  readiness: () => Promise<Readiness>;
  logger: HttpLogger;
}

/** The one express app of a process, behind the hot path: health first, so that nothing stands before it, then the roles. */
export function createHttpApp({ hotPath, routers, readiness, logger }: HttpAppOptions): RequestListener {
  const app = bare();
  app
    .route('/readyz')
    .get(async (_request, response) => {
      const state = await readiness();
      if (!state.ready) throw notReady(state);
      response.json({ status: 'ready', checks: state.checks });
    })
    .all(servesOnly('GET', 'HEAD'));
  for (const router of routers) app.use(router);
  app.use(noSuchRoute);
  app.use(problemHandler(logger));
  if (!hotPath) return app;
  return (request, response) => {
    if (!hotPath(request, response)) app(request, response);
  };
}

/** What answers until the roles are there: alive, not ready, and whoever calls is told to come again. */
export function createStartingApp(logger: HttpLogger): Express {
  const app = bare();
  app.use(() => {
    throw new ProblemError('not_ready', 'Wayline is starting; try again in a moment.', { retryAfterSeconds: 1 });
  });
  app.use(problemHandler(logger));
  return app;
}

const alive: RequestHandler = (_request, response) => {
  response.json({ status: 'alive' });
};

function bare(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(requestId);
  app.route('/livez').get(alive).all(servesOnly('GET', 'HEAD'));
  return app;
}

function notReady({ checks }: Readiness): ProblemError {
  const failing = Object.keys(checks).filter((name) => checks[name] === 'failing');
  return new ProblemError('not_ready', `Not reached: ${failing.join(', ')}.`, { retryAfterSeconds: 5 });
}
