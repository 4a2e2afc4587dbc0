import { once } from 'node:events';
import { WebSocket } from 'ws';
import { writeKey } from './ingest-under-test.ts';

export interface Closed {
  code: number;
  reason: string;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
export type FrameAnswer = any;

/** A client of `GET /v1/stream`, by the `ws` package. */
export interface StreamClient {
  socket: WebSocket;
  /** Sends an object as JSON, a text or bytes as they are. */
  send(frame: unknown): void;
  /** The next answer that was not handed over yet. */
  next(): Promise<FrameAnswer>;
  /** Resolves when the connection is closed. */
  closed: Promise<Closed>;
}

export interface StreamClientOptions {
  /** null: none. */
  credential?: string | null;
  headers?: Record<string, string>;
  query?: string;
  autoPong?: boolean;
}

/** Resolves when the connection is open. */
export async function openStream(url: string, options: StreamClientOptions = {}): Promise<StreamClient> {
  const { credential = writeKey(), headers, query = '', autoPong = true } = options;
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/stream${query}`, {
    autoPong,
    headers: { ...(credential !== null && { authorization: `Bearer ${credential}` }), ...headers },
  });
  const answers: FrameAnswer[] = [];
  const waiting: ((answer: FrameAnswer) => void)[] = [];
  socket.on('message', (data) => {
    const answer = JSON.parse(String(data));
    const waiter = waiting.shift();
    if (waiter) waiter(answer);
    else answers.push(answer);
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }));
  await once(socket, 'open');
  return {
    socket,
    closed,
    send: (frame) => socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame)),
    next: () =>
      answers.length > 0 ? Promise.resolve(answers.shift()) : new Promise((resolve) => waiting.push(resolve)),
  };
}
