/** It rests for so many times as long as it worked. */
const REST = 4;
/** The same while a backlog is being stored, which comes first: the fewer the passes, the less often a session is remade. */
const REST_BEHIND = 24;

/** How long work in the background rests after a pass, ms: so that it takes its share of the time, and no more. */
export function restAfter(workedMs: number, { everyMs, isBehind }: { everyMs: number; isBehind: boolean }): number {
  return Math.max(everyMs, workedMs * (isBehind ? REST_BEHIND : REST));
}
