/** A batch begins with a small one and goes on with larger ones: so what is left free is a part of what is used. */
const SIZES = [4 * 1024, 16 * 1024, 64 * 1024] as const;
/** Kept for later; as much as is under way at the maximum of a process. */
const KEPT_BYTES = 8 * 1024 * 1024;

/**
 * The memory that records wait in until the log has them. Of few sizes and used again: made anew each time it would be garbage that
 * has outlived several collections, and leave holes among what lives longer.
 */
export class ChunkPool {
  readonly #kept: Buffer[][] = SIZES.map(() => []);
  #keptBytes = 0;

  /**
   * A chunk with room for so many bytes at least.
   * @param after length of the chunk before it in its batch, 0 for the first
   */
  take(bytes: number, after: number): Buffer {
    const size = SIZES.find((each) => each >= bytes && (each > after || each === SIZES.at(-1)));
    if (size === undefined) return Buffer.allocUnsafeSlow(bytes);
    const kept = this.#kept[SIZES.indexOf(size)]?.pop();
    if (!kept) return Buffer.allocUnsafeSlow(size);
    this.#keptBytes -= size;
    return kept;
  }

  /** A chunk whose bytes nobody reads any more. */
  give(chunk: Buffer): void {
    const kept = this.#kept[SIZES.indexOf(chunk.length as (typeof SIZES)[number])];
    if (!kept || this.#keptBytes + chunk.length > KEPT_BYTES) return;
    kept.push(chunk);
    this.#keptBytes += chunk.length;
  }
}
