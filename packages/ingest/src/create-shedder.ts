import { credentialOf, type HttpLogger, refusalByHead, requestIdFor, type Shedder, tellRefusal } from '@wayline/http';
import type { Verifier } from '@wayline/identity/verify';
import type { SettingsView } from '@wayline/settings';
import { maxBodyBytes, settingsOf } from './caller-rules.ts';
import type { WriteShares } from './write-shares.ts';

export interface ShedderOptions {
  /** Of the one door that it knows. */
  url: string;
  verifier: Verifier;
  settings: SettingsView;
  logger: HttpLogger;
  shares: WriteShares;
}

/**
 * Refuses what finds no room in hand, where the write pipeline would refuse it for that and for nothing else: a genuine write key,
 * which is not revoked and counts nothing, and a body that is not too large. All else is the pipeline's.
 */
export function createShedder({ url: served, verifier, settings, logger, shares }: ShedderOptions): Shedder {
  const { budget, report } = shares;
  return {
    armed: () => budget.scarce,
    refusalOf({ url, headers }) {
      const credential = url === served ? credentialOf({ headers, url }, { queryKey: false }) : undefined;
      const principal = credential === undefined ? undefined : verifier.writeKey(credential);
      if (!principal) return undefined;
      const rules = settingsOf(principal, settings);
      const { requestsPerSecond, eventsPerSecond } = rules.rates;
      if (rules.refused || requestsPerSecond !== undefined || eventsPerSecond !== undefined) return undefined;
      const error = refusalByHead({ headers }, { maxBytes: maxBodyBytes(rules), budget });
      if (error !== budget.full) return undefined;
      const requestId = requestIdFor({ headers });
      report.refused(error.problem.code, requestId);
      tellRefusal(logger, error, { method: 'POST', url, requestId });
      return { error, requestId };
    },
  };
}
