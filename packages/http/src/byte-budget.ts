import { ProblemError } from '@wayline/contracts';

/** Bytes of bodies that a process has in hand at once, over all its requests: what keeps its memory bounded. */
export interface ByteBudget {
  /** Whether so many bytes could be taken now. */
  has(bytes: number): boolean;
  /** Takes so many bytes, or answers false where that would be more than is left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
  /** What is held turned out to be more, or less: it counts so from now on, even where that is more than is left. */
  correct(from: number, to: number): void;
  /**
   * What a request is refused with that finds no room: `overloaded`. One for all, because where many are refused, the
   * making of an error, with its stack, would cost more than all the rest of a refusal.
   */
  readonly full: ProblemError;
}

export function createByteBudget(maxBytes: number): ByteBudget {
  let held = 0;
  const has = (bytes: number): boolean => held + bytes <= maxBytes;
  return {
    has,
    take(bytes) {
      if (!has(bytes)) return false;
      held += bytes;
      return true;
    },
    give(bytes) {
      held -= bytes;
    },
    correct(from, to) {
      held += to - from;
    },
    full: new ProblemError('overloaded', 'Too much is in hand just now; send it again in a moment.', {
      retryAfterSeconds: 1,
    }),
  };
}
