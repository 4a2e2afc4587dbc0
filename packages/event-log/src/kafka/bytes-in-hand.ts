/**
 * How much of what was fetched is with handlers. While it is little, more is fetched beside them, so that they need not wait for
 * the log; once it is much, a fetch waits for them, so that memory stays bounded however many partitions there are.
 */
export class BytesInHand {
  readonly #limit: number;
  #bytes = 0;
  #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns to be called once, when the handler is done with them */
  take(bytes: number): () => void {
    this.#bytes += bytes;
    return () => {
      this.#bytes -= bytes;
      if (!this.#hasRoom) return;
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const go of waiting) go();
    };
  }

  get #hasRoom(): boolean {
    return this.#bytes < this.#limit;
  }

  /** Resolves when there is room for another fetch. */
  room(): Promise<void> {
    return this.#hasRoom ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}
