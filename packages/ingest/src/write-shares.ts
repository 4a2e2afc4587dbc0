import { type ByteBudget, createByteBudget, createRateLimiter, type RateLimiter } from '@wayline/http';
import { createOverloadReport, type OverloadReport } from './overload-report.ts';

/** What all ways in share: whichever is taken, it counts alike. */
export interface WriteShares {
  budget: ByteBudget;
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
  return {
    budget: createByteBudget(maxBytesHeld),
    limiter: createRateLimiter(),
    report: createOverloadReport(logger, now),
  };
}
