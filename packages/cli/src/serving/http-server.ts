import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { PROBLEM_MEDIA_TYPE, type Problem, problem } from '@wayline/contracts';
import { type Shedder, sendText, shedByHead } from '@wayline/http';
import { UsageError } from '../errors.ts';
import { UpgradableRequest } from './upgradable-request.ts';

/** Takes the socket of a client that asks for a WebSocket, or says false and leaves it alone. */
export type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;

export interface HttpServer {
  /** How to reach it from this machine, without a slash at the end. */
  readonly url: string;
  /** Who answers from now on; and who takes WebSockets, and refuses requests by their heads, if anybody does. */
  serve(listener: RequestListener, others?: { upgrade?: UpgradeListener; shedder?: Shedder }): void;
  /**
   * Takes no new connections, lets the requests in hand finish, and closes each connection when it is idle; what is
   * not done after `boundMs` is cut off. May be called again.
   */
  drain(boundMs: number): Promise<void>;
}

/** Ten more seconds than what a load balancer commonly waits, so that it is never we who close an idle connection first. */
const KEEP_ALIVE_MS = 70_000;

/**
 * Connections that wait to be taken, where the system allows as many. With Node's 511 a burst of new clients at a busy
 * process is cut off by the system (ECONNRESET), and never gets the answer that says when to come again.
 */
const BACKLOG = 4096;

/** For so long a client may go on sending after the last word to it. */
const LINGER_MS = 2_000;

export interface HttpServerOptions {
  host: string;
  port: number;
  listener: RequestListener;
  /** So many clients may be connected at once; more are answered 503 and let go. Default 5000. */
  maxConnections?: number;
  /** How long the head of a request may take, and how long all of it: a slow client must not hold its place. */
  headTimeoutMs?: number;
  requestTimeoutMs?: number;
}

/**
 * Listens; `listener` answers until `serve` names another.
 * @throws UsageError if the address cannot be listened on
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { maxConnections = 5_000, headTimeoutMs = 10_000, requestTimeoutMs = 30_000 } = options;
  let { listener } = options;
  let draining: Promise<void> | undefined;

  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    if (draining) response.setHeader('Connection', 'close');
    if (request.headers.host === undefined && request.httpVersion === '1.1') refuseHostless(response);
    else listener(request, response);
  };
  const server = createServer(
    {
      IncomingMessage: UpgradableRequest,
      headersTimeout: headTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: Math.min(2_000, headTimeoutMs / 4),
      requireHostHeader: false, // refused below: Node's own answer is no problem document
    },
    answer,
  );
  server.on('checkContinue', (request, response) => tellToGoOn(request, response, answer));
  // What else a request may expect is passed over: Node's own answer is no problem document.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('clientError', (error, socket) => answerUnreadable(error, socket as Socket, requestTimeoutMs));
  refuseBeyond(server, maxConnections);
  await listening(server, options);

  return {
    url: addressOf(server, options.host),
    serve(next, { upgrade, shedder } = {}) {
      listener = next;
      if (shedder) shedByHead(server, { ...shedder, armed: () => !draining && shedder.armed() });
      if (upgrade)
        server.on('upgrade', (request, socket, head) => {
          if (!upgrade(request, socket, head)) refuseUpgrade(socket as Socket);
        });
    },
    drain(boundMs) {
      draining ??= closed(server, boundMs);
      return draining;
    },
  };
}

/**
 * A client that asks before it sends a body (`Expect: 100-continue`) is told to go on, unless its head alone is answered at once, as
 * where more comes than can be taken: then its body need not come. With that answer Node ends the connection, for whether
 * the body comes after all could not be told from the next request.
 */
function tellToGoOn(request: IncomingMessage, response: ServerResponse, answer: RequestListener): void {
  answer(request, response);
  if (!response.headersSent) response.writeContinue();
}

function listening(server: Server, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new UsageError(whyNot(error, host, port))));
    server.listen({ host, port, backlog: BACKLOG }, () => {
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

/** Who cannot be served gets an answer rather than a wait: where even that is too much, the connection just ends. */
function refuseBeyond(server: Server, maxConnections: number): void {
  server.maxConnections = maxConnections * 2;
  let open = 0;
  server.on('connection', (socket: Socket) => {
    socket.once('close', () => open--);
    if (++open <= maxConnections) return;
    const detail = 'Too many clients are connected; try again in a moment.';
    endWith(socket, problem('overloaded', detail), '503 Service Unavailable', 'Retry-After: 1\r\n');
    socket.destroySoon();
  });
}

function refuseUpgrade(socket: Socket): void {
  endWith(socket, problem('not_found', 'There is no WebSocket at this path.'), '404 Not Found');
}

/**
 * The answer that is next on a connection, where its request has come whole and waits for it. Node keeps it under this name,
 * and tells nobody otherwise.
 */
function answerInHand(socket: Socket & { _httpMessage?: ServerResponse | null }): ServerResponse | undefined {
  const { _httpMessage: next } = socket;
  return next?.req.complete && !next.closed ? next : undefined;
}

/**
 * What is no HTTP, or did not arrive in time, never reaches express: it is answered here, in the same form; after those that
 * came before it, or the client would take this for the answer to one of them.
 */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket, requestTimeoutMs: number): void {
  const inHand = answerInHand(socket);
  if (inHand) {
    socket.pause(); // what follows would only be unreadable again
    inHand.once('close', () => answerUnreadable(error, socket, requestTimeoutMs));
    return;
  }
  if (socket.writableEnded) return; // what comes after the answer
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const detail = `The request did not arrive whole within ${requestTimeoutMs / 1000} seconds.`;
    endWith(socket, problem('request_timeout', detail), '408 Request Timeout');
    return;
  }
  const detail = 'This is not a readable HTTP/1.1 request, or its head is over 16 KiB.';
  endWith(socket, problem('invalid_request', detail), '400 Bad Request');
}

/** As RFC 9112 wants it. The body is not read: the connection ends with the answer. */
function refuseHostless(response: ServerResponse): void {
  const document = problem('invalid_request', 'The header `Host` is absent, which every HTTP/1.1 request needs.');
  sendText(response, document.status, JSON.stringify(document), [
    'Content-Type',
    PROBLEM_MEDIA_TYPE,
    'Connection',
    'close',
  ]);
}

/**
 * The last word on a connection. The client is to read it before the connection ends, which it would not if that ended while
 * it still sends; who does not close its side then is cut off, or it would keep its place for ever.
 */
function endWith(socket: Socket, document: Problem, status: string, headers = ''): void {
  const body = JSON.stringify(document);
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\n${headers}Content-Type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const cut = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(cut)).resume();
}
