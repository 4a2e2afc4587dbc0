import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Answer } from './answer-reader.ts';
import type { Channel, ConnectionEvents } from './connection.ts';
import { FRAME_BEGIN } from './door-form.ts';
import { COUNTER_DIGITS } from './event-ids.ts';
import { frameOf, OPCODE, ServerFrames } from './stream-frame.ts';

export interface StreamOptions {
  port: number;
  writeKey: string;
  /** Channels of each connection: so many frames are under way on it. */
  inFlight: number;
}

/** Hands out channels; so many of them as may be in flight share a connection. */
export function streamConnector(options: StreamOptions): (events: ConnectionEvents) => Channel {
  let filling: StreamClient | undefined;
  return (events) => {
    if (!filling?.hasRoom) filling = new StreamClient(options);
    return filling.channel(events);
  };
}

/** The server has too much in hand (close code 1013): what 503 is elsewhere. */
const TRY_LATER = 1013;
const LATER_SECONDS = 1;
const ID_END = FRAME_BEGIN.length + COUNTER_DIGITS;

/** One connection to `GET /v1/stream`, with frames that were prepared and masked beforehand. */
class StreamClient {
  readonly #socket: Socket;
  readonly #inFlight: number;
  readonly #channels: ConnectionEvents[] = [];
  readonly #waiting = new Map<number, ConnectionEvents>();
  readonly #frames = new ServerFrames();
  #beforeOpen: (() => void)[] = [];
  #gone = false;

  constructor({ port, writeKey, inFlight }: StreamOptions) {
    this.#inFlight = inFlight;
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    let failure: Error | undefined;
    this.#socket.on('connect', () => this.#socket.write(handshake(port, writeKey)));
    this.#socket.on('data', (chunk) => {
      try {
        this.#read(chunk);
      } catch (error) {
        this.#socket.destroy(error as Error);
      }
    });
    this.#socket.on('error', (error) => {
      failure = error;
    });
    this.#socket.on('close', () => {
      this.#gone = true;
      for (const events of this.#channels) events.onGone({ refused: !this.#frames.open, error: failure });
    });
  }

  get hasRoom(): boolean {
    return !this.#gone && !this.#socket.destroyed && this.#channels.length < this.#inFlight;
  }

  channel(events: ConnectionEvents): Channel {
    this.#channels.push(events);
    return {
      send: (bytes, sequence, onWritten) => {
        this.#waiting.set(sequence, events);
        const write = () => this.#socket.write(bytes, onWritten);
        if (this.#frames.open) write();
        else this.#beforeOpen.push(write);
      },
      close: () => this.#socket.destroy(),
    };
  }

  #read(chunk: Buffer): void {
    const wasOpen = this.#frames.open;
    const frames = this.#frames.read(chunk);
    if (!wasOpen && this.#frames.open) for (const write of this.#beforeOpen.splice(0)) write();
    for (const { opcode, payload } of frames) {
      if (opcode === OPCODE.text) this.#answer(payload.toString('latin1'));
      else if (opcode === OPCODE.ping) this.#socket.write(frameOf(payload, OPCODE.pong).bytes);
      else if (opcode === OPCODE.close) this.#closed(payload);
    }
  }

  #answer(text: string): void {
    const sequence = Number.parseInt(text.slice(FRAME_BEGIN.length, ID_END), 16);
    const events = text.startsWith(FRAME_BEGIN) ? this.#waiting.get(sequence) : undefined;
    if (!events) throw new Error(`An answer is not understood: ${text.slice(0, 300)}`);
    this.#waiting.delete(sequence);
    events.onAnswer(readAnswer(`{${text.slice(ID_END + 2)}`));
  }

  #closed(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : undefined;
    const body = `closed with ${code}: ${payload.toString('utf8', 2)}`;
    if (code !== TRY_LATER) throw new Error(body);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const events of waiting) {
      events.onAnswer({ status: 503, retryAfterSeconds: LATER_SECONDS, closes: true, body });
    }
    this.#socket.destroy();
  }
}

/** @param body the answer without its id */
function readAnswer(body: string): Answer {
  if (body.startsWith('{"accepted":')) return { status: 202, retryAfterSeconds: undefined, closes: false, body };
  const { error, retryAfter } = JSON.parse(body) as { error: { status: number }; retryAfter?: number };
  return { status: error.status, retryAfterSeconds: retryAfter, closes: false, body };
}

function handshake(port: number, writeKey: string): string {
  const lines = [
    'GET /v1/stream HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${writeKey}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}
