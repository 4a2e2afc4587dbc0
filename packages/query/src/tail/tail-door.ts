import { ProblemError, problem } from '@wayline/contracts';
import { authorize } from '@wayline/http';
import type { Verifier } from '@wayline/identity/verify';
import { type Pool, type Reader, readPositions, type StoreLogger, sumUpBatches, type TailFilter } from '@wayline/store';
import type { RequestHandler, Response } from 'express';
import { type Parameters, readParameters } from '../parameters.ts';
import { createTailConnection, TAIL_HEADERS, type TailConnection } from './tail-connection.ts';
import { createTailHub } from './tail-hub.ts';
import { TAIL_LIMITS, type TailLimits } from './tail-limits.ts';
import { createTailCursors } from './tail-position.ts';

export interface TailDoorOptions {
  pool: Pool;
  log: { id: string };
  group: string;
  verifier: Verifier;
  logger: Pick<StoreLogger, 'warn'>;
  /** Runs queries over one snapshot; faults of the database become problem documents. */
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
  /** Turns faults of the database into problem documents. */
  withProblems<T>(work: Promise<T>): Promise<T>;
  /** Once it is aborted, all readers are told goodbye. */
  stopping?: AbortSignal | undefined;
  /** Where they differ from the usual ones. */
  limits?: Partial<TailLimits> | undefined;
}

const FILTERS = ['sessionId', 'userId', 'machineId', 'type', 'namespace', 'app', 'microservice'] as const;
/** What a timer of Node can wait for. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Of a server that stops, whoever does not read is not waited for as long as else. */
const STOPPING_PATIENCE_MS = 2_000;

/** `GET /v1/tail`: events as they are stored, as Server-Sent Events, for the scope read. */
export function createTailDoor(options: TailDoorOptions): RequestHandler {
  const { pool, log, group, verifier, logger, read, withProblems, stopping } = options;
  const limits = { ...TAIL_LIMITS, ...options.limits };
  const cursors = createTailCursors({ id: log.id, group });
  const positions = (reader?: Reader) => withProblems(readPositions(reader ?? pool, log.id, group));
  const sumUp = (times: { fromMs: number; toMs: number }) =>
    sumUpBatches(pool, times).catch((error: unknown) => {
      logger.warn({ err: error }, 'the tail could not sum up where new events are, and leaves it to the workers');
      return false;
    });
  const hub = createTailHub({ logId: log.id, read, positions, sumUp, cursors, limits, logger });
  const open = new Set<TailConnection>();
  stopping?.addEventListener('abort', () => {
    for (const connection of open) connection.end(STOPPING, STOPPING_PATIENCE_MS);
  });

  function connect(response: Response): TailConnection {
    const connection = createTailConnection({
      response,
      limits,
      onClose() {
        open.delete(connection);
        hub.leave(connection);
      },
    });
    open.add(connection);
    return connection;
  }

  return async (request, response) => {
    const { projectId, expiresMs } = await authorize(request, verifier, 'read');
    const parameters = readParameters(request.query, [...FILTERS, 'after']);
    const filter = filterOf(projectId, parameters);
    const given = request.get('last-event-id') || parameters.text('after');
    const after = given === undefined ? undefined : (cursors.read(given) ?? 'elsewhere');
    if (stopping?.aborted) throw new ProblemError('not_ready', STOPPING.detail, { retryAfterSeconds: 1 });
    if (open.size >= limits.readers) throw new ProblemError('overloaded', FULL, { retryAfterSeconds: 5 });
    if (request.method === 'HEAD') return void response.writeHead(200, TAIL_HEADERS).end();
    const connection = connect(response);
    const expiring = expiresMs === undefined ? undefined : atTime(expiresMs, () => connection.end(EXPIRED));
    response.once('close', () => expiring?.());
    try {
      await hub.join(connection, { filter, after });
    } catch (error) {
      connection.abandon();
      throw error;
    }
  };
}

function filterOf(projectId: number, parameters: Parameters): TailFilter {
  const given = FILTERS.map((name) => [name, parameters.text(name)]).filter(([, value]) => value !== undefined);
  const filter: TailFilter = { projectId, ...Object.fromEntries(given) };
  if (filter.app === undefined || filter.microservice === undefined) return filter;
  throw new ProblemError('invalid_request', 'An event has one source: give `app` or `microservice`, not both.');
}

/** Calls back at a time, epoch ms, however far ahead; returns what calls it off. */
function atTime(ms: number, work: () => void): () => void {
  let timer: NodeJS.Timeout;
  function wait(): void {
    const left = ms - Date.now();
    timer = left > LONGEST_TIMER_MS ? setTimeout(wait, LONGEST_TIMER_MS) : setTimeout(work, left);
  }
  wait();
  return () => clearTimeout(timer);
}

const FULL = 'Too many readers follow the tail; try again shortly.';
const STOPPING = problem('not_ready', 'The server is stopping; connect again, with the last `id`.');
const EXPIRED = problem(
  'unauthenticated',
  'The access token has expired; get a new one, and connect again with the last `id`.',
);
