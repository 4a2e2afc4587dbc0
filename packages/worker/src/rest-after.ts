/** While batches are being written all the time, it rests for so many times as long as it worked; */
const REST = 4;
/** and while none is, for this: it takes one connection, and not all of that. */
const REST_IDLE = 0.25;
/** The same while a backlog is being stored, which comes first: the fewer the passes, the less often a session is remade. */
const REST_BEHIND = 24;

export interface Beside {
  /** How often it is looked whether there is something to do, ms, at most. */
  everyMs: number;
  /** Whether the pass came to its end: else there is more to do. */
  isDone: boolean;
  isBehind: boolean;
  /** Of the time in which batches were being written, 0 to 1. */
  busyShare: number;
}

/** How long work in the background rests after a pass, ms: so that it takes its share of the time, and no more. */
export function restAfter(workedMs: number, { everyMs, isDone, isBehind, busyShare }: Beside): number {
  const share = isBehind ? REST_BEHIND : REST_IDLE + (REST - REST_IDLE) * busyShare;
  return Math.max(isDone ? everyMs : 0, workedMs * share);
}
