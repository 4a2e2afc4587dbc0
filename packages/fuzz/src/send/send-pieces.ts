import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

export interface PiecesOptions {
  port: number;
  /** So long after the last byte that came, this side has nothing more to say. */
  quietMs: number;
  /** The server must have closed the connection by then. */
  timeoutMs: number;
}

/**
 * Writes the pieces over a connection of their own, hears the server out, and ends it.
 * @returns all that came
 * @throws Error if the server has not closed the connection in time
 */
export async function sendPieces(pieces: readonly Buffer[], options: PiecesOptions): Promise<Buffer> {
  const { port, quietMs, timeoutMs } = options;
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  const heard: Buffer[] = [];
  let closed = false;
  const ended = new Promise<void>((resolve, reject) => {
    let quiet: NodeJS.Timeout | undefined;
    const timer = setTimeout(() => reject(new Error(`still connected after ${timeoutMs} ms`)), timeoutMs);
    const wait = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => socket.end(), quietMs);
    };
    socket.on('connect', wait);
    socket.on('data', (chunk: Buffer) => {
      heard.push(chunk);
      wait();
    });
    socket.on('end', () => socket.end());
    socket.on('error', () => {}); // a reset is an end, too
    socket.on('close', () => {
      closed = true;
      clearTimeout(quiet);
      clearTimeout(timer);
      resolve();
    });
  });
  try {
    await Promise.all([ended, writeAll(socket, pieces, () => closed)]);
  } finally {
    socket.destroy();
  }
  return Buffer.concat(heard);
}

async function writeAll(socket: Socket, pieces: readonly Buffer[], isOver: () => boolean): Promise<void> {
  for (const piece of pieces) {
    if (isOver() || !socket.writable) return;
    socket.write(piece);
    await turn();
  }
}
