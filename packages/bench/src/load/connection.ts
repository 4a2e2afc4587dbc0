import { connect, type Socket } from 'node:net';
import { type Answer, AnswerReader } from './answer-reader.ts';

/** What requests go out on, one at a time. */
export interface Channel {
  /** The bytes are the channel's until `onWritten` is called; an answer may come before that. */
  send(bytes: Buffer, sequence: number, onWritten: () => void): void;
  close(): void;
}

export interface ConnectionEvents {
  onAnswer(answer: Answer): void;
  /** It is gone, and with it the request in flight, if there was one. `refused`: it was never there. */
  onGone(why: { refused: boolean; error: Error | undefined }): void;
}

/** Larger answers come in several parts. */
const READ_BYTES = 4096;

/** One kept-alive connection with at most one request in flight; much cheaper than an HTTP client. */
export class Connection implements Channel {
  readonly #socket: Socket;

  constructor(port: number, events: ConnectionEvents) {
    const reader = new AnswerReader();
    let connected = false;
    let failure: Error | undefined;
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BYTES),
        callback: (length, chunk) => {
          try {
            const answer = reader.read(chunk as Buffer, length);
            if (answer) events.onAnswer(answer);
          } catch (error) {
            this.#socket.destroy(error as Error);
          }
          return true;
        },
      },
    });
    this.#socket.on('connect', () => {
      connected = true;
    });
    this.#socket.on('error', (error) => {
      failure = error;
    });
    this.#socket.on('close', () => events.onGone({ refused: !connected, error: failure }));
  }

  send(bytes: Buffer, _sequence: number, onWritten: () => void): void {
    this.#socket.write(bytes, onWritten);
  }

  close(): void {
    this.#socket.destroy();
  }
}
