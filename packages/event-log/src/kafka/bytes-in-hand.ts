export interface InHandBounds {
  /** Beyond so many bytes nothing is fetched until a handler is done. */
  most: number;
  /** From so many bytes on the handlers are at work for a while, in which it is worth fetching what comes. */
  many: number;
}

interface Waiting {
  hasMore: boolean;
  go(): void;
}

/**
 * How much of what was fetched is with handlers. While it is little, more is fetched beside them, so that they need not wait for
 * the log; once it is much, a fetch waits for them, so that memory stays bounded however many partitions there are.
 *
 * Whoever has come to the end of a partition waits for its handler: a fetch that asks for nothing, or for partitions of which there is
 * nothing, takes its time, and what comes into the others meanwhile waits for that. So it goes on before only where much is in hand, and others are due.
 */
export class BytesInHand {
  readonly #bounds: InHandBounds;
  readonly #areOthersDue: () => boolean;
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;

  /** @param areOthersDue whether a fetch would most likely bring something at once */
  constructor(bounds: InHandBounds, areOthersDue: () => boolean) {
    this.#bounds = bounds;
    this.#areOthersDue = areOthersDue;
  }

  /** @returns to be called once, when the handler is done with them */
  take(bytes: number): () => void {
    this.#add(bytes);
    return () => this.#add(-bytes);
  }

  /**
   * Resolves when there is room for another fetch, or with the work, if that comes first.
   * @param hasMore whether the partition has more than was fetched
   */
  async room(work: Promise<void>, hasMore: boolean): Promise<void> {
    const waiting: Waiting = { hasMore, go: () => {} };
    const room = new Promise<void>((resolve) => {
      waiting.go = resolve;
    });
    this.#waiting.add(waiting);
    this.#look();
    await Promise.race([work, room]);
    this.#waiting.delete(waiting);
  }

  #add(bytes: number): void {
    this.#bytes += bytes;
    this.#look();
  }

  #look(): void {
    if (this.#waiting.size === 0 || this.#bytes >= this.#bounds.most) return;
    const isWorthIt = this.#bytes >= this.#bounds.many && this.#areOthersDue();
    for (const waiting of this.#waiting) if (waiting.hasMore || isWorthIt) waiting.go();
  }
}
