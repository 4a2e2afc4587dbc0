import { ProblemError } from '@wayline/contracts';

/** Beyond this the answers are made one by one: whoever has to wait so long does not come often. */
const KEPT_SECONDS = 60;

/** What a request over its key's limits is answered, by the seconds to wait; kept, for such requests come in crowds. */
export function createRateRefusals(): (waitSeconds: number) => ProblemError {
  const kept = new Map<number, ProblemError>();
  return (waitSeconds) => {
    const known = kept.get(waitSeconds);
    if (known) return known;
    const refusal = new ProblemError(
      'rate_limited',
      'More requests or events than may be sent with this key; wait as `Retry-After` says, and send it again.',
      { retryAfterSeconds: waitSeconds },
    );
    if (waitSeconds <= KEPT_SECONDS) kept.set(waitSeconds, refusal);
    return refusal;
  };
}
