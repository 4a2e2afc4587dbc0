import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PG_MIGRATE_LOCK_ID, runner } from 'node-pg-migrate';
import type pg from 'pg';
import { withDatabaseClient } from './database-client.ts';
import type { StoreLogger } from './pool.ts';
import { StoreSetupError } from './setup-error.ts';

/** The same depth from `src` and `dist`. */
const FOLDER = fileURLToPath(new URL('../../../migrations', import.meta.url));
/** Where node-pg-migrate keeps what was run, so that its own command works on the same database. */
const TABLE = 'pgmigrations';

/** The database was migrated by a newer program, which may have changed what this one relies on. */
export class SchemaTooNewError extends Error {
  override readonly name = 'SchemaTooNewError';

  constructor(unknown: readonly string[]) {
    super(
      `The database schema is newer than this program (it does not know ${unknown.join(', ')}); use the newer program.`,
    );
  }
}

export interface MigrateOptions {
  url: string;
  direction?: 'up' | 'down';
  /** Migrations at most. Default: all up, one down. */
  count?: number;
  logger?: StoreLogger;
}

/**
 * Brings the schema forward (or back), all in one transaction: after an error nothing has changed. Of several processes
 * that start at once one migrates, the others wait and find nothing left to do. It needs no session state, so it
 * works behind PgBouncer too.
 * @returns the names of the migrations that this call ran, in order, as `applied`
 * @throws SchemaTooNewError, StoreSetupError
 */
export async function migrate({
  url,
  direction = 'up',
  count,
  logger,
}: MigrateOptions): Promise<{ applied: string[] }> {
  return withDatabaseClient(url, async (client) => {
    await requireUtf8(client);
    // The lock is node-pg-migrate's own, but held by the transaction. Its BEGIN below is then a notice, no more.
    await client.query(
      `BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
       SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock(${PG_MIGRATE_LOCK_ID})`,
    );
    try {
      refuseNewer(await readApplied(client), await readKnown());
      await createTable(client);
      const ran = await runner({
        dbClient: client,
        dir: FOLDER,
        direction,
        count: count ?? (direction === 'up' ? Number.POSITIVE_INFINITY : 1),
        migrationsTable: TABLE,
        noLock: true,
        singleTransaction: true,
        logger: runnerLogger(logger),
      });
      await client.query('COMMIT');
      const applied = ran.map(({ name }) => name);
      if (applied.length > 0) logger?.info({ direction, migrations: applied }, 'the database schema was migrated');
      return { applied };
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    }
  });
}

/**
 * Whether the database's schema is the program's: `older` needs `migrate` first.
 * @throws SchemaTooNewError where it is newer, StoreSetupError where the database cannot be used
 */
export async function checkSchema(url: string): Promise<'older' | 'equal'> {
  return withDatabaseClient(url, async (client) => {
    await requireUtf8(client);
    const [applied, known] = await Promise.all([readApplied(client), readKnown()]);
    refuseNewer(applied, known);
    return known.every((name) => applied.includes(name)) ? 'equal' : 'older';
  });
}

/** A hash over all migrations: it changes whenever `migrate` would make another schema. */
export async function schemaFingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of await readKnown()) hash.update(name).update(await readFile(join(FOLDER, `${name}.sql`)));
  return hash.digest('hex');
}

function refuseNewer(applied: readonly string[], known: readonly string[]): void {
  const unknown = applied.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new SchemaTooNewError(unknown);
}

async function readKnown(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files.flatMap((file) => (file.endsWith('.sql') ? file.slice(0, -'.sql'.length) : [])).sort();
}

async function readApplied(client: pg.Client): Promise<string[]> {
  const { rows: found } = await client.query<{ there: boolean }>('SELECT to_regclass($1) IS NOT NULL AS there', [
    `public.${TABLE}`,
  ]);
  if (!found[0]?.there) return [];
  const { rows } = await client.query<{ name: string }>(`SELECT name FROM public.${TABLE} ORDER BY run_on, id`);
  return rows.map(({ name }) => name);
}

/** As node-pg-migrate would; but where it is not allowed, PostgreSQL's own error is thrown. */
async function createTable(client: pg.Client): Promise<void> {
  await client.query(`CREATE TABLE IF NOT EXISTS public.${TABLE} (
    id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL)`);
}

/** In another encoding events with characters that it lacks could never be stored. */
async function requireUtf8(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding');
  const encoding = rows[0]?.server_encoding;
  if (encoding === 'UTF8') return;
  throw new StoreSetupError(
    'encoding',
    `The database "${client.database}" has the encoding ${encoding}; it must be made with ENCODING 'UTF8'.`,
  );
}

function runnerLogger(logger: StoreLogger | undefined) {
  const ignore = (): void => undefined;
  return {
    debug: ignore,
    info: ignore,
    warn: (message: string) => logger?.warn({}, message),
    error: (message: string) => logger?.error({}, message),
  };
}
