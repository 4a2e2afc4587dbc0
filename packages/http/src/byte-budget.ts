import { ProblemError } from '@wayline/contracts';

/** Bytes of bodies that a process has in hand at once, over all its requests: what keeps its memory bounded. */
export interface ByteBudget {
  /** Whether what was asked for last found no room. */
  readonly scarce: boolean;
  /**
   * Whether a request of so many bytes may come in now: it is not shut, and there is room for it. Where there is none, who is slow to fill its
   * own gives that up first.
   */
  has(bytes: number): boolean;
  /** Notes who holds bytes for what is still to come, until the function returned is called. */
  fill(filling: Filling): () => void;
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

/** Something that comes in over a connection, as slowly as the other side likes. */
export interface Filling {
  /** How much has come. */
  bytes(): number;
  /** Gives back all that it holds, at once. */
  giveUp(): void;
}

/** Beyond this time, and below this pace, room is given up to others that find none: far below what any line brings. */
const SLOW_AFTER_MS = 2_000;
const SLOWEST_BYTES_PER_MS = 32;
const LOOK_EVERY_MS = 100;

export interface ByteBudgetOptions {
  /** While it is, no request comes in, whatever room there is; what has begun to come goes on. */
  isShut?: () => boolean;
  /** Ms, of a clock that never goes back. */
  now?: () => number;
}

export function createByteBudget(maxBytes: number, options: ByteBudgetOptions = {}): ByteBudget {
  const { isShut = () => false, now = () => performance.now() } = options;
  let held = 0;
  let scarce = false;
  const fillings = new Map<Filling, number>();
  let lookedMs = Number.NEGATIVE_INFINITY;

  const fits = (bytes: number): boolean => {
    if (held + bytes > maxBytes) makeRoom();
    return held + bytes <= maxBytes;
  };

  const note = (found: boolean): boolean => {
    scarce = !found;
    return found;
  };

  /** A few who only begin to send could else keep out everybody, for as long as a request may take. */
  function makeRoom(): void {
    const nowMs = now();
    if (nowMs - lookedMs < LOOK_EVERY_MS) return;
    lookedMs = nowMs;
    for (const [filling, sinceMs] of fillings) {
      const ageMs = nowMs - sinceMs;
      if (ageMs > SLOW_AFTER_MS && filling.bytes() < ageMs * SLOWEST_BYTES_PER_MS) filling.giveUp();
    }
  }

  return {
    get scarce() {
      return scarce;
    },
    has: (bytes) => note(!isShut() && fits(bytes)),
    fill(filling) {
      fillings.set(filling, now());
      return () => fillings.delete(filling);
    },
    take(bytes) {
      if (!note(fits(bytes))) return false;
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
