import { LIMITS, ProblemError, type TimeWindow, timeWindow } from '@wayline/contracts';
import type { Rates } from '@wayline/http';
import type { Principal } from '@wayline/identity/verify';

/** What an operator has set for a key or its project, beyond what the credential says of itself. */
export interface CallerRules {
  /** The key was revoked, or the project is closed: nothing is taken from it. */
  refused?: 'revoked' | 'disabled';
  /** Origins of pages that may use the key; absent: every one. */
  origins?: readonly string[];
  rates: Rates;
  /** The most bytes of a body, if fewer than the contract allows. */
  bodyBytes?: number;
  /** How many days back the corrected time of an event may lie. Default 90. */
  pastDays?: number;
  /** For so many days the project keeps events; also what is imported may not be older. */
  retentionDays?: number;
}

/** Looked up for every request: from memory, at once. */
export type RulesOf = (principal: Principal) => CallerRules;

const NOTHING_SET: CallerRules = { rates: {} };
export const noRules: RulesOf = () => NOTHING_SET;

/** A `ProblemError` where nothing is taken from the caller: 401 for a revoked key, 403 for a closed project. */
export function requireAllowed({ refused }: CallerRules): void {
  if (refused === 'revoked') {
    throw new ProblemError(
      'unauthenticated',
      'The write key was revoked; make another with `wayline admin create-key`.',
    );
  }
  if (refused === 'disabled') throw new ProblemError('forbidden', 'The project is closed: it takes no events.');
}

export function maxBodyBytes({ bodyBytes = LIMITS.bodyBytes }: CallerRules): number {
  return Math.min(bodyBytes, LIMITS.bodyBytes);
}

/** Which corrected times the caller may write now. */
export function windowOf({ allowImport }: Principal, rules: CallerRules, receivedMs: number): TimeWindow {
  return timeWindow(receivedMs, { allowImport, pastDays: rules.pastDays, retentionDays: rules.retentionDays });
}
