/** The parts of kafkajs 2.2.4 below its public API that this folder uses: one broker's connections, and its protocol. */

declare module 'kafkajs/src/network/connectionPool.js' {
  import type { Socket } from 'node:net';
  import type { ConnectionOptions } from 'node:tls';
  import type { ISocketFactory, Logger, SASLOptions } from 'kafkajs';

  export interface Connection {
    socket?: Socket;
    readonly clientId: string;
    isConnected(): boolean;
    /** Never where nothing is to be authenticated. */
    isAuthenticated(): boolean;
    nextCorrelationId(): number;
    readonly requestQueue: {
      /** Sends it in its turn; `resolve` gets the answer without size and correlation id. */
      push(request: {
        entry: {
          apiKey: number;
          apiName: string;
          apiVersion: number;
          correlationId: number;
          resolve(answer: { payload: Buffer }): void;
          reject(error: Error): void;
        };
        expectResponse: boolean;
        requestTimeout: number | null;
        sendRequest(): void;
      }): void;
      maybeThrottle(clientSideThrottleTime: number | undefined | null): void;
    };
  }

  /** Two connections to one broker: `pool[1]` for fetches, `pool[0]` for all the rest. */
  export default class ConnectionPool {
    constructor(options: {
      host: string;
      port: number;
      clientId: string;
      ssl: boolean | ConnectionOptions;
      sasl: SASLOptions | undefined;
      socketFactory: ISocketFactory;
      connectionTimeout: number;
      requestTimeout: number;
      logger: Logger;
    });
    readonly pool: readonly Connection[];
    /** Connects if need be; two calls at once would open two sockets, and lose one. */
    getConnection(index: number): Promise<Connection>;
    send(protocol: {
      request: unknown;
      response: { decode(raw: Buffer): Promise<unknown>; parse(data: unknown): Promise<unknown> };
      requestTimeout?: number;
      logResponseError?: boolean;
    }): Promise<unknown>;
  }
}

declare module 'kafkajs/src/network/connection.js' {
  /** What it holds of bytes that came. */
  interface Received {
    chunks: Buffer[];
    bytesBuffered: number;
  }

  const Connection: { prototype: { processData(this: Received, bytes: Buffer): void } };
  export default Connection;
}

declare module 'kafkajs/src/broker/index.js' {
  import type { Logger } from 'kafkajs';
  import type ConnectionPool from 'kafkajs/src/network/connectionPool.js';

  export interface Protocol {
    request: { apiKey: number; apiVersion: number; apiName: string; encode(): Promise<unknown> };
    response: { decode(raw: Buffer): Promise<unknown> };
    requestTimeout?: number;
  }

  export default class Broker {
    constructor(options: { connectionPool: ConnectionPool; logger: Logger; authenticationTimeout: number });
    readonly connectionPool: ConnectionPool;
    /** The newest version of a request that both sides know. */
    lookupRequest: (apiKey: number, definitions: unknown) => (parameters: object) => Protocol;
    fetch(parameters: object): Promise<unknown>;
    /** Connects, learns the broker's versions, and authenticates. */
    connect(): Promise<void>;
    disconnect(): Promise<void>;
  }
}

declare module 'kafkajs/src/protocol/request.js' {
  /** The bytes of a whole request, as kafkajs writes them. */
  export default function createRequest(parts: {
    request: { apiKey: number; apiVersion: number; encode(): Promise<{ buf: Buffer; buffer: Buffer }> };
    correlationId: number;
    clientId: string;
  }): Promise<{ readonly buffer: Buffer }>;
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  const definitions: { requests: Record<string, unknown> };
  export default definitions;
}

declare module 'kafkajs/src/protocol/requests/apiKeys.js' {
  const apiKeys: Record<string, number>;
  export default apiKeys;
}

declare module 'kafkajs/src/protocol/error.js' {
  const errors: {
    createErrorFromCode(code: number): Error & { type: string; code: number; retriable: boolean };
  };
  export default errors;
}

declare module 'kafkajs/src/protocol/requests/fetch/v11/response.js' {
  const response: { decode(raw: Buffer): Promise<unknown> };
  export default response;
}
