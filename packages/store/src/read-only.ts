import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Pool, PoolClient, QueryConfig } from 'pg';
import { cancelStatement } from './cancel-statement.ts';
import { sendAtEndOfTurn, setPipeline } from './pipeline-mode.ts';
import { isPlannedOnce, type KeptPlans } from './planned-once.ts';
import { asRole } from './reader-role.ts';

/** What a read query needs of a connection. */
export type Reader = Pick<PoolClient, 'query'>;

export interface ReadOptions {
  /** For each statement; 0: none. */
  statementTimeoutMs: number;
  /** The statements run as this role, which may read and nothing else: see `findReaderRole`. Default: as who is logged in. */
  role?: string | undefined;
  /** Once it is aborted nothing more is read: the statement in hand is ended in the database, and the connection given back. */
  signal?: AbortSignal | undefined;
  /** Of the pool; default: none are kept. */
  plans?: KeptPlans | undefined;
}

/** Helpers take some ms to start, and processors from others who wait: only for reads of seconds. PostgreSQL's own is 1000. */
const PARALLEL_SETUP_COST = 20_000;

/** PostgreSQL takes the plan for any values only where it thinks it no dearer; it counts partitions that are left out when it runs. */
const PLANS = {
  auto: 'SET LOCAL plan_cache_mode = auto;',
  generic: 'SET LOCAL plan_cache_mode = force_generic_plan;',
};

/** A statement that was told to end is told again after this: the first time it may not have begun. */
const TELL_AGAIN_MS = 250;
/** After so often the connection is closed instead. */
const TELLINGS = 8;

/**
 * Runs reads over one snapshot: what they return fits together. No statement may take longer than told. The settings
 * are the transaction's own, so that it works behind PgBouncer too. JIT is off: compiling costs these reads more
 * than it saves.
 *
 * Statements are sent without waiting for those before them: so the first goes out together with BEGIN, and what the work
 * asks for at once costs one round trip. COMMIT is not waited for; only the connection is.
 * @param work is run once more, from the start, where kept plans turn out to be lost
 * @throws what the work throws; the signal's reason where that was aborted
 */
export async function readOnly<T>(
  pool: Pool,
  { plans, ...options }: ReadOptions,
  work: (reader: Reader) => Promise<T>,
): Promise<T> {
  if (!plans?.arePossible) return readOnce(pool, options, work);
  try {
    return await readOnce(pool, { plans, ...options }, work);
  } catch (error) {
    if (!plans.areLost(error)) throw error;
    return readOnce(pool, options, work);
  }
}

async function readOnce<T>(pool: Pool, options: ReadOptions, work: (reader: Reader) => Promise<T>): Promise<T> {
  const { signal } = options;
  signal?.throwIfAborted();
  const client = await pool.connect();
  const giveBack = pipelined(client);
  const reading = signal ? abortable(pool, client, signal) : { reader: client, ended: async () => true };
  const transaction = beginning(reading.reader, client, options);
  try {
    signal?.throwIfAborted();
    const result = await work(transaction.reader);
    await transaction.begun();
    if (await reading.ended()) void end(client, 'COMMIT', giveBack);
    else giveBack(true);
    return result;
  } catch (error) {
    if (await reading.ended()) await end(client, 'ROLLBACK', giveBack);
    else giveBack(true);
    if (signal?.aborted) throw signal.reason;
    await transaction.begun(); // where this is what failed, the work only followed
    throw error;
  }
}

/** A reader that begins the transaction with its first statement. */
function beginning(
  reader: Reader,
  client: PoolClient,
  { statementTimeoutMs, role, plans }: ReadOptions,
): { reader: Reader; begun(): Promise<unknown> } {
  let begun: Promise<unknown> | undefined;
  let mode = PLANS.auto;
  /** What it fails by, the statement after it tells. */
  const tell = (statement: string): Promise<unknown> => {
    const told = reader.query(statement);
    told.catch(() => undefined);
    return told;
  };
  const query = (given: string | QueryConfig, ...rest: [unknown[]?]): unknown => {
    sendAtEndOfTurn(client);
    const named = plans && isPlannedOnce(given) ? plans.named(given) : undefined;
    const wanted = named ? PLANS.generic : PLANS.auto;
    const settings = mode === wanted ? '' : wanted;
    mode = wanted;
    if (!begun) {
      begun = tell(
        `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
         SET LOCAL statement_timeout = ${Math.round(statementTimeoutMs)}; SET LOCAL jit = off;
         SET LOCAL parallel_setup_cost = ${PARALLEL_SETUP_COST}; ${settings} ${asRole(client, role)}`,
      );
    } else if (settings) void tell(settings);
    return named ? reader.query(named) : reader.query(given as string, ...rest);
  };
  return { reader: { query: query as unknown as Reader['query'] }, begun: async () => begun };
}

type GiveBack = (isBroken: boolean) => void;

async function end(client: PoolClient, statement: 'COMMIT' | 'ROLLBACK', giveBack: GiveBack): Promise<void> {
  await client.query(statement).then(
    () => giveBack(false),
    () => giveBack(true),
  );
}

/** Makes a connection send statements without waiting for those before them, until it is given back. */
function pipelined(client: PoolClient): GiveBack {
  setPipeline(client, true);
  return (isBroken) => {
    setPipeline(client, false);
    client.release(isBroken);
  };
}

interface Reading {
  reader: Reader;
  /** To be awaited when the work is over: whether the connection may be used again. Until then it must stay where it is. */
  ended(): Promise<boolean>;
}

/** A reader that reads no more once the signal is aborted. */
function abortable(pool: Pool, client: PoolClient, signal: AbortSignal): Reading {
  const running = new Set<unknown>();
  let cancelling: Promise<boolean> | undefined;

  /** Whether the connection may be used again. */
  async function cancel(): Promise<boolean> {
    let isDone = true;
    for (let told = 0; running.size > 0 && isDone && told < TELLINGS; told++) {
      isDone = await cancelStatement(pool, client);
      if (running.size > 0) await Promise.race([...running, sleep(TELL_AGAIN_MS)]).catch(() => undefined);
    }
    if (isDone && running.size === 0) return true;
    setPipeline(client, false);
    void (client as unknown as Client).end(); // what runs on it fails by that
    return false;
  }

  const onAbort = (): void => {
    cancelling = cancel();
  };
  signal.addEventListener('abort', onAbort, { once: true });

  const query = (...given: [never]): unknown => {
    signal.throwIfAborted();
    const answer: unknown = client.query(...given);
    running.add(answer);
    if (answer instanceof Promise) {
      const ended = (): boolean => running.delete(answer);
      answer.then(ended, ended);
    }
    return answer;
  };
  return {
    reader: { query: query as unknown as Reader['query'] },
    async ended() {
      signal.removeEventListener('abort', onAbort);
      return cancelling ?? true;
    },
  };
}
