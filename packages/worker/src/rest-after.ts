/** While batches are being written all the time, it rests for so many times as long as it worked; */
const REST = 4;
/** and while none is, for this: it takes one connection, and not all of that. */
const REST_IDLE = 0.25;
/** As long as a backlog is being stored, which comes first: the fewer the passes, the less often a session is remade. */
const REST_BEHIND = 24;

export interface Beside {
  /** How often it is looked whether there is something to do, ms, at most. */
  everyMs: number;
  /** Whether the pass came to its end: else there is more to do. */
  isDone: boolean;
  /** Of the time in which batches were being written, 0 to 1. */
  busyShare: number;
}

export interface Rest {
  /** In any case, ms. */
  least: number;
  /** For as long as there is a backlog, ms. */
  most: number;
}

/** How long work in the background rests after a pass: so that it takes its share of the time, and no more. */
export function restAfter(workedMs: number, { everyMs, isDone, busyShare }: Beside): Rest {
  const share = REST_IDLE + (REST - REST_IDLE) * busyShare;
  const least = Math.max(isDone ? everyMs : 0, workedMs * share);
  return { least, most: Math.max(least, workedMs * REST_BEHIND) };
}
