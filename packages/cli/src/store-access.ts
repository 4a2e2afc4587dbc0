import { lastConnectionString } from '@wayline/postgres-server';
import { checkSchema, createPool } from '@wayline/store';
import type { Config } from './config.ts';
import { dataFolder } from './data-folder.ts';
import { UsageError } from './errors.ts';

type Pool = ReturnType<typeof createPool>;

/** The database of the embedded PostgreSQL. */
export const EMBEDDED_DATABASE = 'postgres';

/**
 * The database that a command of its own is to work on: DATABASE_URL, else that of the `wayline all` of the data folder.
 * @throws UsageError if there is neither
 */
export async function databaseUrl({ databaseUrl: url, dataDir }: Config): Promise<string> {
  const folder = dataFolder(dataDir);
  const found = url ?? (await lastConnectionString(folder.postgresFolder, EMBEDDED_DATABASE));
  if (found) return found;
  throw new UsageError(
    `There is no database to work on: set DATABASE_URL, or start \`wayline all\` (none in ${folder.path}).`,
  );
}

/** @throws UsageError where `wayline migrate` has to run first; what `checkSchema` throws where the schema is newer */
export async function requireSchema(url: string): Promise<void> {
  if ((await checkSchema(url)) === 'older') {
    throw new UsageError('The database schema is older than this program; run `wayline migrate` first.');
  }
}

/** Does something with the database, and lets go of it. */
export async function withPool<T>(config: Config<'admin'>, work: (pool: Pool) => Promise<T>): Promise<T> {
  const url = await databaseUrl(config);
  await requireSchema(url);
  const pool = createPool({ url, max: 2, applicationName: 'wayline admin' });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}
