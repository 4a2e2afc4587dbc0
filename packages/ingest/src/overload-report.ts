export interface OverloadReport {
  /** A request was refused because there is too much, or the log cannot take it. */
  refused(code: string, requestId: string): void;
}

const EVERY_MS = 10_000;

/**
 * Tells the operator at once that requests are being refused, and from then on every ten seconds how many more were: a
 * line for each would be load of its own.
 */
export function createOverloadReport(
  logger: { warn(fields: object, message: string): void },
  now: () => number,
): OverloadReport {
  let toldMs = Number.NEGATIVE_INFINITY;
  let untold: Record<string, number> = {};
  return {
    refused(code, requestId) {
      untold[code] = (untold[code] ?? 0) + 1;
      if (now() - toldMs < EVERY_MS) return;
      toldMs = now();
      logger.warn({ refused: untold, lastRequestId: requestId }, 'requests are refused: more comes than can be taken');
      untold = {};
    },
  };
}
