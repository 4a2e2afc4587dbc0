import { startPostgresServer } from '@wayline/postgres-server';
import { type Closers, runWayline } from '@wayline/testkit';
import { Client } from 'pg';

/** A PostgreSQL that was made a moment ago, as it comes (it syncs to disk), and a database that was migrated. */
export interface FreshDatabase {
  url: string;
  postmasterPid: number;
}

const NAME = 'wayline';

export async function startFreshDatabase(closers: Closers): Promise<FreshDatabase> {
  const server = await startPostgresServer({ dataDir: await closers.folder('bench') });
  closers.add(() => server.stop('immediate'));
  await withClient(server.connectionString('postgres'), (client) => client.query(`CREATE DATABASE ${NAME}`));
  const url = server.connectionString(NAME);
  const { code, stderr } = await runWayline(['migrate'], { env: { DATABASE_URL: url, LOG_LEVEL: 'warn' } });
  if (code !== 0) throw new Error(`The database was not migrated: ${stderr}`);
  return { url, postmasterPid: server.pid };
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // the query that meets it rejects
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
