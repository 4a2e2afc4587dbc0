import type { Connection } from 'kafkajs/src/network/connectionPool.js';

/** A request, and what its head says. */
export interface WholeRequest {
  apiKey: number;
  apiVersion: number;
  apiName: string;
  /** The body, behind as many bytes for its head as `headBytes` says. */
  bytes: Buffer;
}

/** Size, key, version, correlation id, and the length of the client's id. */
const FIXED_BYTES = 4 + 2 + 2 + 4 + 2;

/** What stands before the body of a request (version 1 of the head). */
export function headBytes({ clientId }: Connection): number {
  return FIXED_BYTES + Buffer.byteLength(clientId);
}

/**
 * Sends a request as it is, and resolves with the undecoded answer. kafkajs' own `send` copies a body twice, into buffers of
 * the next power of two that are filled with zeros before: of 3 MiB that is more work than all the encoding. All else is
 * kafkajs': its queue matches answers to requests, ends those that take too long, and keeps to the broker's throttling.
 * @param connection connected and authenticated
 */
export async function sendWhole(connection: Connection, request: WholeRequest): Promise<Buffer> {
  const { apiKey, apiVersion, apiName, bytes } = request;
  const { clientId, socket } = connection;
  if (!socket) throw new Error('the connection has no socket');
  const correlationId = connection.nextCorrelationId();
  let at = bytes.writeInt32BE(bytes.length - 4, 0);
  at = bytes.writeInt16BE(apiKey, at);
  at = bytes.writeInt16BE(apiVersion, at);
  at = bytes.writeInt32BE(correlationId, at);
  at = bytes.writeInt16BE(Buffer.byteLength(clientId), at);
  bytes.write(clientId, at);
  const { payload } = await new Promise<{ payload: Buffer }>((resolve, reject) => {
    connection.requestQueue.push({
      entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject },
      expectResponse: true,
      requestTimeout: null,
      sendRequest: () => socket.write(bytes),
    });
  });
  return payload;
}
