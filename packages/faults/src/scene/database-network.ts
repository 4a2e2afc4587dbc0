import { setTimeout as sleep } from 'node:timers/promises';
import type { ProxiedConnection, TcpProxy } from '@wayline/testkit';

/** PostgreSQL's CopyInResponse: from now on it waits for the rows of a COPY. */
const COPY_IN_RESPONSE = 'G'.charCodeAt(0);

async function within<T>(ms: number, moment: Promise<T>): Promise<T | undefined> {
  const done = new AbortController();
  const late = sleep(ms, undefined, { signal: done.signal }).catch(() => undefined);
  const first = await Promise.race([moment, late]);
  done.abort();
  return first;
}

/** Does the work at the moment at which a COPY has begun, and none of its rows has arrived. False if none came in time. */
export async function atNextCopy(proxy: TcpProxy, ms: number, work: () => void): Promise<boolean> {
  const moment = new Promise<true>((resolve) => {
    proxy.watch({
      onAnswer(chunk) {
        if (chunk[0] !== COPY_IN_RESPONSE) return;
        proxy.watch({});
        work();
        resolve(true);
      },
    });
  });
  const came = await within(ms, moment);
  proxy.watch({});
  return came ?? false;
}

/** Cuts the connection when PostgreSQL answers to a COMMIT: it has committed, and nobody knows. */
export async function loseNextCommit(proxy: TcpProxy, ms: number): Promise<boolean> {
  const committing = new WeakSet<ProxiedConnection>();
  const moment = new Promise<true>((resolve) => {
    proxy.watch({
      onRequest(chunk, connection) {
        if (chunk.includes('COMMIT\0')) committing.add(connection);
      },
      onAnswer(_, connection) {
        if (!committing.has(connection)) return;
        proxy.watch({});
        connection.cut();
        resolve(true);
      },
    });
  });
  const came = await within(ms, moment);
  proxy.watch({});
  return came ?? false;
}

/** From now on nothing of PostgreSQL reaches its client over the connections in use, though they stay open. */
export function silence(proxy: TcpProxy): void {
  proxy.watch({ onAnswer: (_, connection) => connection.dropAnswers() });
}
