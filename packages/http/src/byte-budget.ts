/** Bytes of bodies that a process holds at once, over all its requests: what keeps its memory bounded. */
export interface ByteBudget {
  /** Takes so many bytes, or answers false where that would be more than is left. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createByteBudget(maxBytes: number): ByteBudget {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > maxBytes) return false;
      held += bytes;
      return true;
    },
    give(bytes) {
      held -= bytes;
    },
  };
}
