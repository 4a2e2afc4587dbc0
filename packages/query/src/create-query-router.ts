import { LIMITS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import {
  authorize,
  type ByteBudget,
  createByteBudget,
  type HttpLogger,
  problemHandler,
  requestIdOf,
  servesOnly,
} from '@wayline/http';
import type { Scope, Verifier } from '@wayline/identity/verify';
import { isErased as isUserErased, type Pool, readOnly, readWrite, type StoreLogger } from '@wayline/store';
import { type RequestHandler, Router } from 'express';
import { createCompleteness } from './completeness.ts';
import { dashboardDoor } from './dashboard-door.ts';
import { databaseProblem } from './database-problem.ts';
import {
  causesDoor,
  deadLetterDoor,
  deadLettersDoor,
  discardAllDoor,
  discardDoor,
  FILTERS,
} from './dead-letters/dead-letter-doors.ts';
import { createReplayDoors } from './dead-letters/replay-doors.ts';
import type { IsErased } from './dead-letters/replay-letters.ts';
import type { Answer, Door, Sources } from './door.ts';
import { fateDoor } from './fate-door.ts';
import { ledgerDoor } from './ledger-door.ts';
import { machineMicroservicesDoor, timelineDoor } from './machine-doors.ts';
import { readParameters, storable } from './parameters.ts';
import { readJsonBody } from './read-json-body.ts';
import { componentsDoor, navigationDoor, sessionDoor, sessionEventsDoor, sessionsDoor } from './session-doors.ts';
import { createTailDoor } from './tail/tail-door.ts';
import type { TailLimits } from './tail/tail-limits.ts';
import { userDataDoors } from './user-data/user-data-doors.ts';

export interface QueryRouterOptions {
  /** Only read from, but where dead letters are replayed or discarded, or a user is erased: for all else a replica will do. */
  pool: Pool;
  /** Asked how far it goes, for `completeThrough`; and what replayed dead letters are appended to. */
  log: Pick<EventLog, 'id' | 'ranges' | 'peek' | 'append'>;
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
  /** How many days back an event may lie, where nothing else is set for its project. Default 90. */
  pastDays?: number;
  /** Asked before a dead letter is replayed. Default: whether an erasure in the database reaches it. */
  isErased?: IsErased;
  /** Once it is aborted, readers of the live tail are told goodbye. */
  stopping?: AbortSignal;
  /** Of the live tail, where they differ from the usual ones. */
  tailLimits?: Partial<TailLimits>;
}

const PAGE = ['limit', 'cursor'];
const RANGE = ['from', 'to'];
/** Bytes of bodies in hand at once. */
const BODIES_BYTES = 8 * 1024 * 1024;

/**
 * The trace API: everything that reads events, and what becomes of dead letters. A `requestId` stands before it; `noSuchRoute` after it answers methods
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
  pastDays,
  isErased = (projectId, { userId, anonymousId }, receivedMs) =>
    isUserErased(pool, { projectId, userIds: [userId, anonymousId].filter((id) => id !== undefined), receivedMs }),
  stopping,
  tailLimits,
}: QueryRouterOptions): Router {
  const withProblems = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      const problem = databaseProblem(error);
      if (!problem) throw error;
      logger.warn({ err: error }, 'a statement failed');
      throw problem;
    }
  };
  const completeness = createCompleteness({ pool, log, group, now, logger });
  const sources: Sources = {
    read: (work) => withProblems(readOnly(pool, { statementTimeoutMs }, work)),
    write: (work) => withProblems(readWrite(pool, { statementTimeoutMs }, work)),
    completeness: () => withProblems(completeness()),
    idleMs,
    logger,
  };

  const router = Router({ caseSensitive: true });
  const serve = (path: string, parameters: readonly string[], door: Door, scope: Scope = 'read'): void => {
    router.route(path).get(behind({ verifier, scope, parameters, door })).all(servesOnly('GET', 'HEAD'));
  };
  const budget = createByteBudget(BODIES_BYTES);
  const serveChange = (path: string, parameters: readonly string[], door: Door): void => {
    router
      .route(path)
      .post(behind({ verifier, scope: 'admin', parameters, door, budget }))
      .all(servesOnly('POST'));
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
  const tail = createTailDoor({
    ...{ pool, log, group, verifier, logger, withProblems, stopping },
    read: sources.read,
    limits: tailLimits,
  });
  router.route('/v1/tail').get(tail).all(servesOnly('GET', 'HEAD'));
  serve('/v1/ledger', RANGE, ledgerDoor(sources), 'admin');
  const replay = createReplayDoors({ sources, log, verifier, pastDays, isErased });
  serve('/v1/dead-letters', [...FILTERS, ...PAGE], deadLettersDoor(sources), 'admin');
  serve('/v1/dead-letters/causes', [...FILTERS, 'limit'], causesDoor(sources), 'admin');
  serveChange('/v1/dead-letters/replay', [...FILTERS, ...PAGE], replay.selected);
  serveChange('/v1/dead-letters/discard', [...FILTERS, 'limit'], discardAllDoor(sources));
  serve('/v1/dead-letters/:id', [], deadLetterDoor(sources), 'admin');
  serveChange('/v1/dead-letters/:id/replay', [], replay.one);
  serveChange('/v1/dead-letters/:id/discard', [], discardDoor(sources));
  const userData = userDataDoors({ pool, verifier, withProblems });
  router.route('/v1/users/:id').delete(userData.erase).all(servesOnly('DELETE'));
  router.route('/v1/users/:id/export').get(userData.export).all(servesOnly('GET', 'HEAD'));
  router.use('/dashboard', dashboardDoor());
  router.use(problemHandler(logger));
  return router;
}

interface Guarded {
  verifier: Verifier;
  scope: Scope;
  parameters: readonly string[];
  door: Door;
  /** For the body, where one is read. */
  budget?: ByteBudget;
}

function behind({ verifier, scope, parameters: known, door, budget }: Guarded): RequestHandler<{ id?: string }> {
  return async (request, response) => {
    const { projectId, id: subject, allowImport } = await authorize(request, verifier, scope);
    const id = storable('id', request.params.id ?? '');
    const parameters = readParameters(request.query, known);
    const { status = 200, body }: Answer = await door({
      projectId,
      id,
      parameters,
      body: budget ? await readJsonBody(request, budget) : {},
      allowImport,
      requestId: requestIdOf(response),
      caller: { projectId, subject },
    });
    response.statusCode = status;
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Cache-Control', 'no-store');
    response.end('json' in body ? body.json : JSON.stringify(body));
  };
}
