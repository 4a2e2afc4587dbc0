import pg from 'pg';
import { storeTypes } from './pool.ts';
import { StoreSetupError, toSetupError } from './setup-error.ts';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Runs work on one connection of its own, and closes it. What is wrong with the address or the server is told by a
 * `StoreSetupError`; everything else is thrown as it comes.
 */
export async function withDatabaseClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = openClient(url);
  client.on('error', () => undefined); // the query in hand fails by itself
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    const { host, port, user, database } = client;
    throw toSetupError(error, { host, port, user, database }) ?? error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function openClient(url: string): pg.Client {
  try {
    if (!/^postgres(ql)?:\/\//i.test(url) && !url.startsWith('socket:')) throw new TypeError('no such protocol');
    return new pg.Client({
      connectionString: url,
      application_name: 'wayline setup',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      types: storeTypes,
    });
  } catch (error) {
    // Not passed on as the cause: the text of the address, with its password, may be in it.
    const detail = (error as { code?: string }).code === 'ENOENT' ? ' (a file that it names is not there)' : '';
    throw new StoreSetupError(
      'address',
      `The address of the database is not one that can be used${detail}; it should look like postgres://user:password@host:5432/database.`,
    );
  }
}
