import type { DataFolder } from '../data-folder.ts';
import type { Service } from '../service.ts';

export interface OpenDatabase {
  /** With the password. */
  url: string;
  /** In words, for the operator, without a password. */
  name: string;
}

/** The database that DATABASE_URL names, else our own PostgreSQL; with the schema of this version. */
export async function openDatabase(service: Service<'all'>, folder: DataFolder): Promise<OpenDatabase> {
  const { config, logger } = service;
  const database = config.databaseUrl ? external(config.databaseUrl) : await embedded(service, folder);
  const { migrate } = await import('@wayline/store');
  await migrate({ url: database.url, logger });
  return database;
}

function external(url: string): OpenDatabase {
  const { hostname, port, pathname } = new URL(url);
  return { url, name: `PostgreSQL ${pathname.slice(1)} at ${hostname || 'its socket'}${port && `:${port}`}` };
}

async function embedded({ logger, lifecycle }: Service, folder: DataFolder): Promise<OpenDatabase> {
  const { startEmbeddedPostgres } = await import('./embedded-postgres.ts');
  const postgres = await startEmbeddedPostgres({ dataDir: folder.postgresFolder, logger });
  lifecycle.onStop('PostgreSQL', postgres.stop, postgres.force);
  return { url: postgres.url, name: `PostgreSQL of its own, on port ${postgres.port}` };
}
