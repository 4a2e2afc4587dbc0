import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createEventValidator, LIMITS, ProblemError } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { authorize, type HttpLogger, requestIdFor, requireOrigin } from '@wayline/http';
import type { Principal, Verifier } from '@wayline/identity/verify';
import type { SettingsView } from '@wayline/settings';
import { type WebSocket, WebSocketServer } from 'ws';
import { requireAllowed, settingsOf } from '../caller-rules.ts';
import { recordHeaders } from '../record-headers.ts';
import { userAgentOf } from '../user-agent.ts';
import type { WriteShares } from '../write-shares.ts';
import { CLOSE, closeRefused, closeWith } from './close-code.ts';
import { StreamConnection } from './stream-connection.ts';

export interface StreamDoorOptions {
  log: EventLog;
  verifier: Verifier;
  settings: SettingsView;
  shares: WriteShares;
  logger: HttpLogger;
  /** Epoch ms. */
  now: () => number;
  /**
   * How often each connection is looked at, ms: whether its key is still good, and whether somebody is there, who must give a
   * sign of life within three of them. Default 10,000.
   */
  pulseMs?: number | undefined;
}

export interface StreamDoor {
  /** Takes the socket of a client that asks for `GET /v1/stream`; says false, and leaves it alone, where it asks for another. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Answers the frames in hand, and closes the connections (1012); what is not gone after `boundMs` is cut off. */
  close(boundMs: number): Promise<void>;
}

export const STREAM_PATH = '/v1/stream';

/** Pulses in a row without a sign of life, after which nobody is there. */
const SILENT_PULSES = 2;
const RESTARTING = 'the server is restarting; connect again, and send what was not acknowledged';
/** A message is held in the pieces in which it came, each of which costs more than its bytes. */
const MOST_PIECES = 16_384;

/** `GET /v1/stream`. Compiles the event's schema (some ms). */
export function createStreamDoor(options: StreamDoorOptions): StreamDoor {
  const { verifier, settings, logger, pulseMs = 10_000, ...shared } = options;
  const validator = createEventValidator();
  const connections = new Map<WebSocket, { connection: StreamConnection; request: IncomingMessage }>();
  let pulse: NodeJS.Timeout | undefined;
  let closing = false;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: LIMITS.bodyBytes,
    // Inflating would have to be bounded over all connections; a batch that is worth it goes by POST.
    perMessageDeflate: false,
    maxFragments: MOST_PIECES,
    maxBufferedChunks: MOST_PIECES,
  });

  async function admit(request: IncomingMessage): Promise<Principal> {
    const principal = await authorize(request, verifier, 'write');
    const rules = settingsOf(principal, settings);
    requireAllowed(rules);
    requireOrigin(request, rules.origins);
    return principal;
  }

  /** A browser sees nothing of a refused handshake: who may not write is told by the close frame. */
  async function accept(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', ignore);
    const admitted = await admit(request).catch((error: unknown) => {
      if (error instanceof ProblemError) return error;
      throw error;
    });
    if (socket.destroyed) return;
    server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', (error) => logger.debug({ err: error }, 'a stream broke off'));
      if (closing) return closeWith(webSocket, CLOSE.restart, RESTARTING);
      if (admitted instanceof ProblemError) return closeRefused(webSocket, admitted);
      open(webSocket, { request, socket, principal: admitted });
    });
  }

  function open(
    webSocket: WebSocket,
    { request, socket, principal }: { request: IncomingMessage; socket: Duplex; principal: Principal },
  ): void {
    const requestId = requestIdFor(request);
    const { headers } = request;
    const connection = new StreamConnection(
      {
        ...shared,
        settings,
        logger,
        validator,
        principal,
        requestId,
        socket: webSocket,
        headers: recordHeaders(headers, requestId),
        userAgent: userAgentOf(headers['user-agent']),
      },
      (listener) => socket.prependListener('data', (chunk: Buffer) => listener(chunk.length)),
    );
    connections.set(webSocket, { connection, request });
    webSocket.on('close', () => connections.delete(webSocket));
    pulse ??= setInterval(lookAtAll, pulseMs);
  }

  function lookAtAll(): void {
    if (connections.size === 0) {
      clearInterval(pulse);
      pulse = undefined;
    }
    for (const [webSocket, { connection, request }] of connections) {
      if (connection.pulse() > SILENT_PULSES) {
        webSocket.terminate();
        continue;
      }
      connection.checkFrame();
      // A key may have been revoked meanwhile, a token have expired.
      admit(request).catch((error: unknown) => {
        if (error instanceof ProblemError) closeRefused(webSocket, error);
      });
    }
  }

  return {
    upgrade(request, socket, head) {
      const { url = '' } = request;
      if (url !== STREAM_PATH && !url.startsWith(`${STREAM_PATH}?`)) return false;
      accept(request, socket, head).catch((error: unknown) => {
        logger.error({ err: error }, 'a stream could not be opened');
        socket.destroy();
      });
      return true;
    },

    async close(boundMs) {
      closing = true;
      const gone = [...connections].map(async ([webSocket, { connection }]) => {
        const closed = new Promise<void>((resolve) => webSocket.once('close', () => resolve()));
        await connection.finish(RESTARTING);
        await closed;
      });
      const cut = setTimeout(() => {
        for (const webSocket of connections.keys()) webSocket.terminate();
      }, boundMs);
      await Promise.all(gone);
      clearTimeout(cut);
      clearInterval(pulse);
    },
  };
}

function ignore(): void {}
