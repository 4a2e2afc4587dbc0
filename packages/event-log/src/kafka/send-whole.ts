import type { Connection } from 'kafkajs/src/network/connectionPool.js';

/** A request, and what its head says. */
export interface WholeRequest {
  apiKey: number;
  apiVersion: number;
  apiName: string;
  /** The body, in parts; the first begins with as many bytes for its head as `headBytes` says. */
  parts: readonly Uint8Array[];
}

/** Parts of no more than this are put together: that costs less than handing over each. */
const COPIED_BYTES = 64 * 1024;
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
  const { apiKey, apiVersion, apiName, parts } = request;
  const { clientId, socket } = connection;
  if (!socket) throw new Error('the connection has no socket');
  const correlationId = connection.nextCorrelationId();
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  const first = parts[0] as Uint8Array;
  const head = Buffer.from(first.buffer, first.byteOffset, first.length);
  let at = head.writeInt32BE(bytes - 4, 0);
  at = head.writeInt16BE(apiKey, at);
  at = head.writeInt16BE(apiVersion, at);
  at = head.writeInt32BE(correlationId, at);
  at = head.writeInt16BE(Buffer.byteLength(clientId), at);
  head.write(clientId, at);
  const { payload } = await new Promise<{ payload: Buffer }>((resolve, reject) => {
    connection.requestQueue.push({
      entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject },
      expectResponse: true,
      requestTimeout: null,
      sendRequest: () => write(socket, parts, bytes),
    });
  });
  return payload;
}

function write(socket: NonNullable<Connection['socket']>, parts: readonly Uint8Array[], bytes: number): void {
  if (bytes <= COPIED_BYTES) {
    socket.write(Buffer.concat(parts, bytes));
    return;
  }
  socket.cork();
  for (const part of parts) socket.write(part);
  socket.uncork();
}
