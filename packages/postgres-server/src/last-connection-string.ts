import { clusterFiles, readPassword, readPort } from './cluster-files.ts';
import { POSTGRES_USER } from './create-cluster.ts';

/**
 * The address of a database of the server that was last started on a data folder, whether it runs now or not, for
 * other processes that want to talk to it. Undefined if none was ever started there.
 * @throws PostgresServerError if its password was lost
 */
export async function lastConnectionString(dataDir: string, database: string): Promise<string | undefined> {
  const files = clusterFiles(dataDir);
  const port = await readPort(files.port);
  if (port === undefined) return undefined;
  const password = await readPassword(files.password);
  return `postgresql://${POSTGRES_USER}:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}?sslmode=disable`;
}
