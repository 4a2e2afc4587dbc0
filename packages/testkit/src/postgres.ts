import { createHash, randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { sharedPostgres } from './postgres-shared.ts';

export interface TestDatabaseOptions {
  /** Brings an empty database to the state that every test file begins with; it must close its connections. */
  migrate?(url: string): Promise<void>;
  /** Changes whenever `migrate` would give another result: a hash of the migrations. Needed with `migrate`. */
  template?: string;
}

export interface TestDatabase {
  /** A `postgresql://` address, as superuser. */
  url: string;
  /** Drops the database, ending the connections to it. */
  close(): Promise<void>;
}

const LEFT_BEHIND_MS = 6 * 3_600_000;

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Drops what runs that were killed left on a lasting server. */
async function sweep(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT datname AS name FROM pg_database WHERE datname ~ '^wayline_test_[0-9]+_'",
  );
  for (const { name } of rows) {
    const madeAt = Number(name.split('_')[2]);
    if (Date.now() - madeAt > LEFT_BEHIND_MS) await client.query(`DROP DATABASE IF EXISTS ${escapeIdentifier(name)}`);
  }
}

/** The template's name; the first who needs it makes it, and the others wait. */
async function ensureTemplate(client: Client, server: string, options: TestDatabaseOptions): Promise<string> {
  const { migrate, template } = options;
  if (!migrate) return 'template1';
  if (!template) throw new TypeError('createTestDatabase needs `template`, a hash of what `migrate` does');
  const hash = createHash('sha256').update(template).digest('hex').slice(0, 24);
  const name = `wayline_template_${hash}`;
  const draft = `${name}_draft`;
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [name]);
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
    if (rowCount) return name;
    await client.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${draft}`);
    await migrate(urlOf(server, draft));
    await client.query(`ALTER DATABASE ${draft} RENAME TO ${name}`);
    return name;
  } finally {
    await client.query('SELECT pg_advisory_unlock(hashtextextended($1, 0))', [name]);
  }
}

/**
 * A real, empty or migrated, PostgreSQL database of its own for a test file, in about 50 ms once the run's server and
 * the template are there.
 */
export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const server = await sharedPostgres();
  const name = `wayline_test_${Date.now()}_${randomBytes(6).toString('hex')}`;
  await withClient(server, async (client) => {
    await sweep(client);
    const template = await ensureTemplate(client, server, options);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
  return {
    url: urlOf(server, name),
    close: () => withClient(server, async (client) => void (await client.query(`DROP DATABASE ${name} WITH (FORCE)`))),
  };
}
