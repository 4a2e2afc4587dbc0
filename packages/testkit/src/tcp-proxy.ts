import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** One client's way through the proxy. */
export interface ProxiedConnection {
  /** Ends both sides at once, as a network that is cut (RST). */
  cut(): void;
  /** From now on nothing of the server reaches the client. */
  dropAnswers(): void;
}

export interface TcpWatcher {
  /** Sees every chunk from the client before it is passed on. */
  onRequest?(chunk: Buffer, connection: ProxiedConnection): void;
  /**
   * Sees every chunk from the server before it is passed on, and may change its bytes; answers that it cuts off or drops
   * never arrive.
   */
  onAnswer?(chunk: Buffer, connection: ProxiedConnection): void;
}

export interface TcpProxyOptions extends TcpWatcher {
  host?: string;
  port: number;
}

export interface TcpProxy {
  port: number;
  /** From now on this one sees what passes, in place of whoever did before. */
  watch(watcher: TcpWatcher): void;
  /** Cuts all connections, and refuses new ones until `resume`. */
  cutAll(): void;
  resume(): void;
  /** From now on whatever passes, in either direction, arrives so many ms later; 0: at once. */
  slow(ms: number): void;
  close(): Promise<void>;
}

/** Hands chunks on in their order, each no sooner than its delay says. */
function createPipe(write: (chunk: Buffer) => void, delayMs: () => number): (chunk: Buffer) => void {
  const waiting: { chunk: Buffer; dueMs: number }[] = [];
  const pass = (): void => {
    for (let first = waiting[0]; first; first = waiting[0]) {
      const restMs = first.dueMs - performance.now();
      if (restMs > 0) {
        setTimeout(pass, restMs);
        return;
      }
      waiting.shift();
      write(first.chunk);
    }
  };
  return (chunk) => {
    const ms = delayMs();
    if (ms === 0 && waiting.length === 0) return write(chunk);
    waiting.push({ chunk, dueMs: performance.now() + ms });
    if (waiting.length === 1) setTimeout(pass, ms);
  };
}

/** A TCP proxy on loopback that a test can cut, or let lose answers, at a moment of its choosing. */
export async function startTcpProxy({ host = '127.0.0.1', port, ...first }: TcpProxyOptions): Promise<TcpProxy> {
  let watcher: TcpWatcher = first;
  const open = new Set<Socket>();
  let refusing = false;
  let delayMs = 0;

  const server: Server = createServer((client) => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ host, port, noDelay: true });
    client.setNoDelay(true);
    let silent = false;
    const connection: ProxiedConnection = {
      cut: () => {
        client.resetAndDestroy();
        upstream.destroy();
      },
      dropAnswers: () => {
        silent = true;
      },
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', connection.cut);
      socket.on('close', () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    const delay = () => delayMs;
    const forward = createPipe((chunk) => {
      if (!upstream.destroyed) upstream.write(chunk);
    }, delay);
    const back = createPipe((chunk) => {
      if (!silent && !client.destroyed) client.write(chunk);
    }, delay);
    client.on('data', (chunk) => {
      watcher.onRequest?.(chunk, connection);
      forward(chunk);
    });
    upstream.on('data', (chunk) => {
      watcher.onAnswer?.(chunk, connection);
      back(chunk);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    watch(next) {
      watcher = next;
    },
    cutAll() {
      refusing = true;
      for (const socket of open) socket.resetAndDestroy();
    },
    resume() {
      refusing = false;
    },
    slow(ms) {
      delayMs = ms;
    },
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
