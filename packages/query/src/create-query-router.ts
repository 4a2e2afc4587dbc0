import { LIMITS, ProblemError } from '@wayline/contracts';
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
import {
  createKeptPlans,
  isErased as isUserErased,
  type LongReader,
  type Pool,
  readLong,
  readOnly,
  readWrite,
  type StoreLogger,
} from '@wayline/store';
import { type RequestHandler, Router } from 'express';
import { hourlyDoor } from './analytics/hourly-door.ts';
import { createLatestMetrics } from './analytics/latest-metrics.ts';
import { latestMetricsDoor, metricsHistoryDoor } from './analytics/metrics-doors.ts';
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
import type { Asked, Door, Sources } from './door.ts';
import { type ExportLimits, exportRoutes } from './export/export-routes.ts';
import type { Patience } from './export/stream-answer.ts';
import { fateDoor } from './fate-door.ts';
import { graphDoor } from './graph-door.ts';
import { ledgerDoor } from './ledger-door.ts';
import { machineMicroservicesDoor, timelineDoor } from './machine-doors.ts';
import { readParameters, storable } from './parameters.ts';
import { predecessorReads } from './predecessors/predecessor-reads.ts';
import { readJsonBody } from './read-json-body.ts';
import { PREDECESSOR_SERIES, predecessorSeriesDoor } from './series/predecessor-series-door.ts';
import { GROUPING, seriesDoor } from './series/series-door.ts';
import {
  componentsDoor,
  gapsDoor,
  navigationDoor,
  sessionDoor,
  sessionEventsDoor,
  sessionsDoor,
} from './session-doors.ts';
import { createTailDoor } from './tail/tail-door.ts';
import type { TailLimits } from './tail/tail-limits.ts';
import { untilClosed } from './until-closed.ts';
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
  /** For projects without a retention of their own: so many days the workers keep events. Default: for ever. */
  retentionDays?: number | undefined;
  /** So many requests may wait for a connection to the database; more are answered at once that there are too many. Default 200. */
  maxWaiting?: number;
  /** As which reads run: see `findReaderRole`. Default: as who is logged in. */
  readerRole?: string | undefined;
  /** How many days back an event may lie, where nothing else is set for its project. Default 90. */
  pastDays?: number;
  /** How many exports may run at once, and how long one may stand still. */
  exports?: ExportLimits & Partial<Patience>;
  /** Asked before a dead letter is replayed. Default: whether an erasure in the database reaches it. */
  isErased?: IsErased;
  /** Once it is aborted, readers of the live tail are told goodbye. */
  stopping?: AbortSignal;
  /** Of the live tail, where they differ from the usual ones. */
  tailLimits?: Partial<TailLimits>;
}

const PAGE = ['limit', 'cursor'];
const RANGE = ['from', 'to'];
const PATIENCE: Patience = { clientMs: 60_000, databaseMs: 600_000 };
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
  retentionDays,
  maxWaiting = 200,
  readerRole,
  pastDays,
  exports: { atOnce, ...patience } = {},
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
  const plans = createKeptPlans(logger);
  const completeness = createCompleteness({ pool, log, group, now, logger });
  const sources: Sources = {
    async read(work, signal) {
      requireRoom(pool, maxWaiting);
      return withProblems(readOnly(pool, { statementTimeoutMs, role: readerRole, signal, plans }, work));
    },
    async write(work) {
      requireRoom(pool, maxWaiting);
      return withProblems(readWrite(pool, { statementTimeoutMs }, work));
    },
    completeness: () => withProblems(completeness.recent()),
    completenessNow: () => withProblems(completeness.fresh()),
    idleMs,
    retentionDays,
    now,
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
  serve('/v1/sessions/:id/gaps', [], gapsDoor(sources));
  serve('/v1/sessions/:id/components', [], componentsDoor(sources));
  serve('/v1/users/:id/sessions', ['machineId', ...filters], sessionsDoor(sources, 'userId'));
  serve('/v1/machines/:id/sessions', ['userId', ...filters], sessionsDoor(sources, 'machineId'));
  serve('/v1/machines/:id/timeline', [...RANGE, ...PAGE], timelineDoor(sources));
  serve('/v1/machines/:id/microservices', RANGE, machineMicroservicesDoor(sources));
  serve('/v1/navigation', RANGE, graphDoor(sources), 'aggregation');
  serve('/v1/events/:id', ['sessionId', 'at'], fateDoor(sources));
  serve('/v1/series/:namespace/:type', [...RANGE, ...GROUPING], seriesDoor(sources), 'aggregation');
  serve('/api/events/:namespace/:name', PREDECESSOR_SERIES, predecessorSeriesDoor(sources), 'aggregation');
  const tail = createTailDoor({
    ...{ pool, log, group, verifier, logger, withProblems, stopping },
    read: sources.read,
    limits: tailLimits,
  });
  router.route('/v1/tail').get(tail).all(servesOnly('GET', 'HEAD'));
  serve('/v1/ledger', RANGE, ledgerDoor(sources), 'admin');
  const latest = createLatestMetrics(sources);
  serve('/v1/analytics/hourly', [...RANGE, 'empty'], hourlyDoor(sources), 'aggregation');
  serve('/v1/metrics/latest', [], latestMetricsDoor(latest), 'aggregation');
  serve('/v1/metrics/history', [...RANGE, ...PAGE], metricsHistoryDoor(sources), 'aggregation');
  router.use(predecessorReads({ sources, verifier, latest }));
  const streaming = {
    pool,
    verifier,
    readLong: <T>(signal: AbortSignal, work: (reader: LongReader) => Promise<T>) =>
      withProblems(readLong(pool, { signal, role: readerRole }, work)),
    completeness: sources.completenessNow, // an export is kept, and read later
    logger,
    patience: { ...PATIENCE, ...patience },
  };
  for (const [path, handler] of exportRoutes(streaming, { atOnce })) {
    router.route(path).get(handler).all(servesOnly('GET', 'HEAD'));
  }
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
  router.use('/dashboard', dashboardDoor());
  router.use(problemHandler(logger));
  return router;
}

/** Who would have to wait behind too many others is told at once: it may have given up by the time that it gets its turn. */
function requireRoom(pool: Pool, maxWaiting: number): void {
  if (pool.waitingCount < maxWaiting) return;
  throw new ProblemError('overloaded', 'Too many queries are waiting; try again shortly.', { retryAfterSeconds: 2 });
}

interface Guarded {
  verifier: Verifier;
  scope: Scope;
  parameters: readonly string[];
  door: Door;
  /** For the body, where one is read. */
  budget?: ByteBudget;
}

function behind({ verifier, scope, parameters: known, door, budget }: Guarded): RequestHandler<Record<string, string>> {
  return async (request, response) => {
    const signal = untilClosed(response);
    const { projectId, id: subject, allowImport } = await authorize(request, verifier, scope);
    const id = storable('id', request.params.id ?? '');
    const parameters = readParameters(request.query, known);
    const asked: Asked = {
      projectId,
      id,
      parameters,
      path: storablePath(request.params),
      setHeader: (name, value) => void response.setHeader(name, value),
      body: budget ? await readJsonBody(request, budget) : {},
      allowImport,
      requestId: requestIdOf(response),
      caller: { projectId, subject },
      signal,
    };
    const { status = 200, body } = await door(asked);
    response.statusCode = status;
    response.setHeader('Content-Type', 'application/json');
    response.setHeader('Cache-Control', 'no-store');
    response.end(asSent('json' in body ? (body.json as string | Buffer) : JSON.stringify(body)));
  };
}

/** From so many characters on a text goes out as bytes: Node writes the head and a short text at once, but takes longer over a long one. */
const LONG_TEXT = 8_192;

const asSent = (json: string | Buffer): string | Buffer =>
  typeof json === 'string' && json.length >= LONG_TEXT ? Buffer.from(json) : json;

function storablePath(params: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, text]) => [name, storable(name, text)]));
}
