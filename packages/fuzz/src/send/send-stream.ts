import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { closeBytes } from '../inputs/stream-inputs.ts';
import { readFrames } from './read-frames.ts';

export interface StreamOptions {
  port: number;
  writeKey: string;
  requestId: string;
  timeoutMs: number;
}

export interface StreamTalk {
  /** As they came, read as JSON. */
  answers: Record<string, unknown>[];
  /** Of the server's close frame; undefined where there was none. */
  closeCode: number | undefined;
}

const TEXT = 1;
const CLOSE = 8;

export interface StreamTurns {
  /** What keeps to the protocol, and how many answers there must be to it. */
  orderly: readonly Buffer[];
  wanted: number;
  /** Sent once these have come: what may end the connection, and the answers with it. */
  odd: readonly Buffer[];
}

/**
 * Sends all over one WebSocket, hears the answers, and closes.
 * @throws Error if the answers or the end do not come in time, or what comes is none
 */
export async function sendStream(
  { orderly, wanted, odd }: StreamTurns,
  { port, writeKey, requestId, timeoutMs }: StreamOptions,
): Promise<StreamTalk> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  socket.on('error', () => {}); // a reset is an end, too
  const talk: StreamTalk = { answers: [], closeCode: undefined };
  let failure: Error | undefined;
  let over = false;
  const listener = { heard: () => {} };
  const gone = new AbortController();
  const timer = setTimeout(() => {
    failure ??= new Error(`${talk.answers.length} of ${wanted} answers, and no end, within ${timeoutMs} ms`);
    socket.destroy();
  }, timeoutMs);
  const closed = once(socket, 'close').then(() => {
    over = true;
    gone.abort(new Error('the connection was closed'));
    listener.heard();
  });
  try {
    await handshake(socket, { writeKey, requestId, signal: gone.signal });
    let rest: Buffer = Buffer.alloc(0);
    const take = (chunk: Buffer) => {
      try {
        const read = readFrames(Buffer.concat([rest, chunk]));
        rest = read.rest;
        for (const { opcode, payload } of read.frames) {
          if (opcode === TEXT) talk.answers.push(JSON.parse(String(payload)));
          if (opcode === CLOSE) talk.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
        }
      } catch (error) {
        failure ??= error as Error;
        socket.destroy();
      }
      listener.heard();
    };
    socket.on('data', take);
    socket.on('end', () => socket.end());
    for (const step of orderly) socket.write(step);
    while (!over && talk.closeCode === undefined && talk.answers.length < wanted) {
      await new Promise<void>((resolve) => {
        listener.heard = resolve;
      });
    }
    for (const step of odd) if (socket.writable) socket.write(step);
    if (socket.writable) socket.end(closeBytes());
    await closed;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
  if (failure) throw failure;
  return talk;
}

interface Handshake {
  writeKey: string;
  requestId: string;
  signal: AbortSignal;
}

async function handshake(socket: Socket, { writeKey, requestId, signal }: Handshake): Promise<void> {
  await once(socket, 'connect', { signal });
  socket.write(
    'GET /v1/stream HTTP/1.1\r\nhost: a.example\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n' +
      `sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer ${writeKey}\r\nx-request-id: ${requestId}\r\n\r\n`,
  );
  let bytes: Buffer = Buffer.alloc(0);
  while (!bytes.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data', { signal })) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
  const end = bytes.indexOf('\r\n\r\n') + 4;
  const head = bytes.subarray(0, end).toString();
  if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`The WebSocket was not opened: ${head.slice(0, 200)}`);
  if (end < bytes.length) socket.unshift(bytes.subarray(end));
}
