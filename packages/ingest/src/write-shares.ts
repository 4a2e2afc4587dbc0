import { type ByteBudget, createByteBudget, createRateLimiter, type RateLimiter } from '@wayline/http';
import { createOverloadReport, type OverloadReport } from './overload-report.ts';

/** What all ways in share: whichever is taken, it counts alike. */
export interface WriteShares {
  budget: ByteBudget;
  limiter: RateLimiter;
  report: OverloadReport;
}

/**
 * Of the bytes in hand, the part that may wait for the log while requests still come in: enough for a produce request under way and for the
 * next. More in the queue is the same work done later, and what lives longer costs the collector more. Frames of a stream come in beside
 * them: a connection has few at a time, and to refuse one costs nearly as much as to take it.
 */
const QUEUED_SHARE = 1 / 3;

export function createWriteShares(options: {
  /** Bytes of bodies in hand at once. */
  maxBytesHeld: number;
  logger: { warn(fields: object, message: string): void };
  /** Epoch ms. */
  now: () => number;
}): WriteShares {
  const { maxBytesHeld, logger, now } = options;
  return {
    budget: createByteBudget(maxBytesHeld, { maxQueuedBytes: maxBytesHeld * QUEUED_SHARE }),
    limiter: createRateLimiter(),
    report: createOverloadReport(logger, now),
  };
}
