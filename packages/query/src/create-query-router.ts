import { LIMITS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { authorize, type HttpLogger, problemHandler, servesOnly } from '@wayline/http';
import type { Scope, Verifier } from '@wayline/identity/verify';
import { type Pool, readOnly, type StoreLogger } from '@wayline/store';
import { type RequestHandler, Router } from 'express';
import { createCompleteness } from './completeness.ts';
import { dashboardDoor } from './dashboard-door.ts';
import { databaseProblem } from './database-problem.ts';
import type { Answer, Door, Sources } from './door.ts';
import { fateDoor } from './fate-door.ts';
import { ledgerDoor } from './ledger-door.ts';
import { machineMicroservicesDoor, timelineDoor } from './machine-doors.ts';
import { readParameters, storable } from './parameters.ts';
import { componentsDoor, navigationDoor, sessionDoor, sessionEventsDoor, sessionsDoor } from './session-doors.ts';
import { userDataDoors } from './user-data/user-data-doors.ts';

export interface QueryRouterOptions {
  /** Only read from, except by erasures: for all else a replica will do. */
  pool: Pool;
  /** Asked how far it goes, for `completeThrough`. */
  log: EventLog;
  /** The workers' consumer group, whose stored positions tell what is unread. */
  group: string;
  verifier: Verifier;
  logger: HttpLogger & StoreLogger;
  /** Epoch ms. */
  now?: () => number;
  /** A session without events for so long counts as ended, ms. Default 30 minutes. */
  idleMs?: number;
  /** No statement may take longer, ms. Default 15 s. */
  statementTimeoutMs?: number;
}

const PAGE = ['limit', 'cursor'];
const RANGE = ['from', 'to'];

/**
 * The trace API: everything that reads events. A `requestId` stands before it; `noSuchRoute` after it answers methods
 * that it does not serve.
 */
export function createQueryRouter({
  pool,
  log,
  group,
  verifier,
  logger,
  now = Date.now,
  idleMs = LIMITS.sessionIdleMs,
  statementTimeoutMs = 15_000,
}: QueryRouterOptions): Router {
  const withProblems = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const problem = databaseProblem(error);
      if (!problem) throw error;
      logger.warn({ err: error }, 'a query failed');
      throw problem;
    }
  };
  const completeness = createCompleteness({ pool, log, group, now, logger });
  const sources: Sources = {
    read: (work) => withProblems(readOnly(pool, { statementTimeoutMs }, work)),
    completeness: () => withProblems(completeness()),
    idleMs,
  };

  const router = Router({ caseSensitive: true });
  const serve = (path: string, parameters: readonly string[], door: Door, scope: Scope = 'read'): void => {
    router
      .route(path)
      .get(behind(verifier, scope, parameters, door))
      .all(servesOnly('GET', 'HEAD'));
  };
  const filters = ['app', 'microservice', 'type', ...RANGE, ...PAGE];
  serve('/v1/sessions', ['userId', 'machineId', ...filters], sessionsDoor(sources));
  serve('/v1/sessions/:id', [], sessionDoor(sources));
  serve('/v1/sessions/:id/events', ['type', ...PAGE], sessionEventsDoor(sources));
  serve('/v1/sessions/:id/navigation', [], navigationDoor(sources));
  serve('/v1/sessions/:id/components', [], componentsDoor(sources));
  serve('/v1/users/:id/sessions', ['machineId', ...filters], sessionsDoor(sources, 'userId'));
  serve('/v1/machines/:id/sessions', ['userId', ...filters], sessionsDoor(sources, 'machineId'));
  serve('/v1/machines/:id/timeline', [...RANGE, ...PAGE], timelineDoor(sources));
  serve('/v1/machines/:id/microservices', RANGE, machineMicroservicesDoor(sources));
  serve('/v1/events/:id', ['sessionId', 'at'], fateDoor(sources));
  serve('/v1/ledger', RANGE, ledgerDoor(sources), 'admin');
  const userData = userDataDoors({ pool, verifier, withProblems });
  router.route('/v1/users/:id').delete(userData.erase).all(servesOnly('DELETE'));
  router.route('/v1/users/:id/export').get(userData.export).all(servesOnly('GET', 'HEAD'));
  router.use('/dashboard', dashboardDoor());
  router.use(problemHandler(logger));
  return router;
}

function behind(
  verifier: Verifier,
  scope: Scope,
  known: readonly string[],
  door: Door,
): RequestHandler<{ id?: string }> {
  return async (request, response) => {
    const { projectId } = await authorize(request, verifier, scope);
    const id = storable('id', request.params.id ?? '');
    const { status = 200, body }: Answer = await door({
      projectId,
      id,
      parameters: readParameters(request.query, known),
    });
    response.statusCode = status;
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Cache-Control', 'no-store');
    response.end('json' in body ? body.json : JSON.stringify(body));
  };
}
