import type { Pool, PoolClient } from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import type { Reader, ReadOptions } from './read-only.ts';
import { asRole } from './reader-role.ts';

/** What a read of any length needs of a connection. */
export interface LongReader extends Reader {
  /**
   * The rows of a select in PostgreSQL's binary format of COPY, in chunks that begin and end anywhere; no more is read than is asked
   * for. COPY takes no parameters: texts in the select must be `escapeLiteral`s.
   */
  copy(select: string): AsyncGenerator<Buffer>;
}

/**
 * PostgreSQL looks so often, while it works, whether the connection is still there; it ends the statement if not. Windows cannot
 * look, and refuses the setting.
 */
const LOOK_FOR_CLIENT = `SELECT set_config('client_connection_check_interval', '1s', true)
  WHERE version() !~* 'visual|mingw|msvc|windows'`;

/**
 * Runs reads over one snapshot for as long as they take: a statement has no time-out, so let whoever waits for it bound
 * its progress. When the signal comes, or the work ends with rows not copied yet, the connection is closed, which ends what
 * PostgreSQL was doing within about a second, behind PgBouncer too; the pool makes another. One process a read: parallel
 * workers would be taken from queries that somebody waits for.
 * @throws the reason of the signal, if it came
 */
export async function readLong<T>(
  pool: Pool,
  { signal, role }: Pick<ReadOptions, 'signal' | 'role'>,
  work: (reader: LongReader) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const client = await pool.connect();
  let lent = true;
  const giveBack = (close: boolean): void => {
    if (lent) client.release(close);
    lent = false;
  };
  const close = (): void => giveBack(true);
  signal?.addEventListener('abort', close, { once: true });
  let copying = false;
  const reader: LongReader = {
    query: client.query.bind(client) as PoolClient['query'],
    async *copy(select) {
      copying = true;
      yield* client.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT binary)`));
      copying = false;
    },
  };
  try {
    signal?.throwIfAborted();
    await client.query(
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; SET LOCAL jit = off;
       SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL max_parallel_workers_per_gather = 0;
       ${LOOK_FOR_CLIENT}; ${asRole(client, role)}`,
    );
    const result = await work(reader);
    if (!copying) await client.query('COMMIT');
    giveBack(copying);
    return result;
  } catch (error) {
    if (lent && !copying) await client.query('ROLLBACK').then(() => giveBack(false), close);
    close();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', close);
  }
}
