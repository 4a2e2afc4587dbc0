import { startPostgresServer } from '@wayline/postgres-server';
import { type Closers, runWayline } from '@wayline/testkit';
import { Client } from 'pg';

/** A PostgreSQL that was made a moment ago, as it comes (it syncs to disk), and a database that was migrated. */
export interface FreshDatabase {
  url: string;
  postmasterPid: number;
}

const NAME = 'wayline';
/** Of 16 MB each: more than a drain of a million events writes. */
const LOG_FILES = 48;

/**
 * @param folder where it stays when the benchmark ends. Default: a folder that goes
 * @param isThere it was made there before, and is opened again
 */
export async function startFreshDatabase(
  closers: Closers,
  { folder, isThere = false }: { folder?: string | undefined; isThere?: boolean } = {},
): Promise<FreshDatabase> {
  const server = await startPostgresServer({ dataDir: folder ?? (await closers.folder('bench')) });
  closers.add(() => server.stop(folder === undefined ? 'immediate' : 'fast'));
  if (!isThere) {
    await withClient(server.connectionString('postgres'), (client) => client.query(`CREATE DATABASE ${NAME}`));
  }
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

/**
 * Leaves files of the write-ahead log to be used again, as in a database that has been at work. In a new one each file is filled with
 * zeros and synced before it is written to, while all who write wait.
 */
export async function useLogFiles(url: string): Promise<void> {
  await withClient(url, async (client) => {
    for (let file = 0; file < LOG_FILES; file++) {
      await client.query(`SELECT pg_logical_emit_message(false, 'bench', ''), pg_switch_wal()`);
    }
    await client.query('CHECKPOINT');
  });
}
