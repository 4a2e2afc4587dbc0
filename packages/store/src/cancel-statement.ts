import type { Duplex } from 'node:stream';
import pg from 'pg';

/** What pg keeps of a connection, and does not declare: what its server wants to hear of whoever cancels its statement. */
interface Backend {
  processID: number | null;
  secretKey: number | null;
}

/** As pg makes it for a client. */
interface Wire extends NodeJS.EventEmitter {
  stream: Duplex;
  connect(portOrPath: number | string, host?: string): void;
  cancel(processId: number, secretKey: number): void;
}

const WAIT_MS = 2_000;

/**
 * Asks the server to end the statement that a connection is at: by PostgreSQL's cancel request, on a connection of its own,
 * which needs no free place in the pool and can reach no other backend, since it carries the secret of this one. It has an
 * effect on whatever the connection does at that moment: so nobody else may have the connection before this resolves.
 * @returns whether the server is done with the request, which tells nothing about the statement; else it may still have its
 * effect at any time, and nobody may use the connection again. Never rejects.
 */
export async function cancelStatement(pool: pg.Pool, client: pg.PoolClient): Promise<boolean> {
  const { processID, secretKey } = client as unknown as Backend;
  if (processID === null || secretKey === null) return false;
  const canceller = new pg.Client(pool.options);
  const { connection, host, port, ssl } = canceller as unknown as {
    connection: Wire;
    host: string;
    port: number;
    ssl: unknown;
  };
  return new Promise((resolve) => {
    let sent = false;
    const end = (isDone: boolean): void => {
      clearTimeout(deadline);
      connection.stream.destroy();
      resolve(isDone);
    };
    const deadline = setTimeout(end, WAIT_MS, false);
    connection.on('error', () => end(false));
    // The server answers by closing, once it has signalled the backend.
    connection.on('end', () => end(sent));
    connection.on(ssl ? 'sslconnect' : 'connect', () => {
      connection.cancel(processID, secretKey);
      sent = true;
    });
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}
