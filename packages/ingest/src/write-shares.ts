import { type ByteBudget, createByteBudget, createRateLimiter, type RateLimiter } from '@wayline/http';
import { createLogQueue, type LogQueue } from './log-queue.ts';
import { createOverloadReport, type OverloadReport } from './overload-report.ts';
import { createWorkTurns, type WorkTurns } from './work-turns.ts';

/** What all ways in share: whichever is taken, it counts alike. */
export interface WriteShares {
  budget: ByteBudget;
  queue: LogQueue;
  turns: WorkTurns;
  limiter: RateLimiter;
  report: OverloadReport;
}

export function createWriteShares(options: {
  /** Bytes of bodies in hand at once. */
  maxBytesHeld: number;
  logger: { warn(fields: object, message: string): void };
  /** Epoch ms. */
  now: () => number;
}): WriteShares {
  const { maxBytesHeld, logger, now } = options;
  const queue = createLogQueue(maxBytesHeld);
  const turns = createWorkTurns();
  return {
    budget: createByteBudget(maxBytesHeld, { isShut: () => queue.isFull(turns.waitingBytes) }),
    queue,
    turns,
    limiter: createRateLimiter(),
    report: createOverloadReport(logger, now),
  };
}
