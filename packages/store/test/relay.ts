import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to the database whose answers can be held up. */
export interface Relay {
  url: string;
  /** Answers from now on are held up until `release`. */
  hold(): void;
  release(): void;
  /** Resolves once the text was sent to the database. */
  sent(text: string): Promise<void>;
  close(): void;
}

export async function startRelay(databaseUrl: string): Promise<Relay> {
  const url = new URL(databaseUrl);
  const { hostname: host, port } = url;
  const sockets = new Set<Socket>();
  let asked = '';
  let held: (() => void)[] | undefined;
  let heard: () => void = () => undefined;
  const server = createServer((client) => {
    const upstream = connect({ host, port: Number(port || 5432) });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk) => {
      asked += String(chunk);
      heard();
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => {
      if (held) held.push(() => client.write(chunk));
      else client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    hold() {
      held = [];
    },
    release() {
      const answers = held ?? [];
      held = undefined;
      for (const answer of answers) answer();
    },
    sent: (text) =>
      new Promise((resolve) => {
        heard = () => {
          if (asked.includes(text)) resolve();
        };
        heard();
      }),
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
