import type { Connection, Submittable } from 'pg';

/** Of a message CopyData: its letter, and its length with these four bytes. */
export const FRAME_BYTES = 5;
const COPY_DATA = 0x64;
const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);

/** What of pg's connection is not among its declared types. */
interface Wire extends Connection {
  query(text: string): void;
  sendCopyFail(message: string): void;
}

/**
 * `COPY … FROM STDIN` as a query of pg. Each chunk leaves room for its frame in front, and so goes out as it is, in one piece; a
 * stream that frames sends five bytes by themselves before each.
 */
export class CopyIn implements Submittable {
  readonly #text: string;
  #wire: Wire | undefined;
  #error: Error | undefined;
  #ready = (): void => undefined;
  #settle = (): void => undefined;
  #go = (): void => undefined;
  /** Resolves when PostgreSQL takes the first chunk, or has refused. */
  readonly #begun = new Promise<void>((resolve) => {
    this.#ready = resolve;
  });
  readonly #ended = new Promise<void>((resolve) => {
    this.#settle = resolve;
  });

  /** @param text one statement COPY … FROM STDIN, perhaps behind others */
  constructor(text: string) {
    this.#text = text;
  }

  /**
   * Sends chunks as fast as they are taken; the next is asked for when one is with the system.
   * @param chunks each with `FRAME_BYTES` to be written in front
   * @param meanwhile called when all is sent, while PostgreSQL is at work on the last of it
   * @throws what PostgreSQL says against them, or what making them throws: then nothing of the statement remains
   */
  async send(chunks: Iterable<Buffer>, meanwhile?: () => void): Promise<void> {
    await this.#begun;
    try {
      for (const chunk of chunks) {
        if (this.#error) break;
        chunk[0] = COPY_DATA;
        chunk.writeUInt32BE(chunk.length - 1, 1);
        await this.#write(chunk);
      }
      if (!this.#error) {
        this.#stream.write(COPY_DONE);
        meanwhile?.();
      }
    } catch (error) {
      this.#wire?.sendCopyFail((error as Error).message);
      await this.#ended;
      throw error;
    }
    await this.#ended;
    if (this.#error) throw this.#error;
  }

  get #stream(): Connection['stream'] {
    return (this.#wire as Wire).stream;
  }

  /** Resolves when it is written, or the statement has failed. */
  #write(chunk: Buffer): Promise<void> {
    return new Promise<void>((resolve) => {
      this.#go = resolve;
      this.#stream.write(chunk, () => resolve());
    });
  }

  submit(connection: Connection): void {
    this.#wire = connection as Wire;
    this.#wire.query(this.#text);
  }

  handleCopyInResponse(): void {
    this.#ready();
  }

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.#error = error;
    this.#ready();
    this.#go();
    // Where the connection is gone nothing more comes; where it is not, it is ready for the next statement in a moment.
    if (!this.#wire?.stream.writable) this.#settle();
    else setImmediate(this.#settle);
  }

  handleReadyForQuery(): void {
    this.#ready();
    this.#settle();
  }
}
