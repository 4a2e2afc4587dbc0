import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { PROBLEM_MEDIA_TYPE, problem } from '@wayline/contracts';
import { UsageError } from '../errors.ts';

export interface HttpServer {
  /** How to reach it from this machine, without a slash at the end. */
  readonly url: string;
  /** Who answers from now on. */
  serve(listener: RequestListener): void;
  /**
   * Takes no new connections, lets the requests in hand finish, and closes each connection when it is idle; what is
   * not done after `boundMs` is cut off. May be called again.
   */
  drain(boundMs: number): Promise<void>;
}

/** Ten more seconds than what a load balancer commonly waits, so that it is never we who close an idle connection first. */
const KEEP_ALIVE_MS = 70_000;

/**
 * Listens; `listener` answers until `serve` names another.
 * @throws UsageError if the address cannot be listened on
 */
export async function startHttpServer(options: {
  host: string;
  port: number;
  listener: RequestListener;
}): Promise<HttpServer> {
  let { listener } = options;
  let draining: Promise<void> | undefined;

  const server = createServer(
    {
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 2_000,
    },
    (request: IncomingMessage, response: ServerResponse) => {
      if (draining) response.setHeader('Connection', 'close');
      listener(request, response);
    },
  );
  server.on('clientError', answerUnreadable);
  await listening(server, options);

  return {
    url: addressOf(server, options.host),
    serve(next) {
      listener = next;
    },
    drain(boundMs) {
      draining ??= closed(server, boundMs);
      return draining;
    },
  };
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new UsageError(whyNot(error, host, port))));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function whyNot(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host} is taken by another program; stop that, or set PORT to another (0 is any free one).`;
    case 'EACCES':
      return `Port ${port} of ${host} may not be used by this user; set PORT to another, such as 4000.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST ${host} is not an address of this machine.`;
    default:
      return `Cannot listen on port ${port} of ${host}: ${error.message}.`;
  }
}

function addressOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  const reachable = ['0.0.0.0', '::', ''].includes(host) ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** `close` closes the connections that are idle at that moment only: those that become so later are looked for. */
async function closed(server: Server, boundMs: number): Promise<void> {
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const cut = setTimeout(() => server.closeAllConnections(), boundMs);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  clearInterval(sweep);
  clearTimeout(cut);
}

/** What is no HTTP, or did not arrive in time, never reaches express: it is answered here, in the same form. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const document = late
    ? problem('request_timeout', 'The request did not arrive whole within 30 seconds.')
    : problem('invalid_request', 'This is not a readable HTTP/1.1 request, or its head is over 16 KiB.');
  const body = JSON.stringify(document);
  socket.end(
    `HTTP/1.1 ${document.status} ${late ? 'Request Timeout' : 'Bad Request'}\r\nConnection: close\r\n` +
      `Content-Type: ${PROBLEM_MEDIA_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
