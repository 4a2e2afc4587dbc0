import type { ByteBudget } from '@wayline/http';

/** Of a frame that has begun and not ended, so much is not counted: as much as a socket hands over at once. */
const UNCOUNTED_BYTES = 64 * 1024;

export interface PartialFrame {
  /** More bytes came. False where there is no room for them. */
  grow(bytes: number): boolean;
  /** The frame is whole: counted in full from now on, by the caller. False where there is no room for it. */
  take(bytes: number): boolean;
  /** Since when a large frame has been on its way; of a clock that never goes back, ms. */
  sinceMs(): number | undefined;
  /** Gives back what is held of a frame that will not come. */
  drop(): void;
}

/**
 * Counts what a connection has sent of a frame that is not whole yet: else any number of connections could each make us hold
 * the largest frame there may be, for as long as they please.
 */
export function createPartialFrame(budget: ByteBudget, now: () => number): PartialFrame {
  let bytes = 0;
  let held = 0;
  let sinceMs: number | undefined;

  function drop(): void {
    budget.give(held);
    bytes = 0;
    held = 0;
    sinceMs = undefined;
  }

  return {
    grow(more) {
      bytes += more;
      if (bytes <= UNCOUNTED_BYTES) return true;
      sinceMs ??= now();
      if (!budget.take(bytes - held)) return false;
      held = bytes;
      return true;
    },
    take(whole) {
      drop();
      return budget.take(whole);
    },
    sinceMs: () => sinceMs,
    drop,
  };
}
