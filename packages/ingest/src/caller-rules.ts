import { LIMITS, ProblemError, type TimeWindow, timeWindow } from '@wayline/contracts';
import type { Principal } from '@wayline/identity/verify';
import type { CallerSettings, SettingsView } from '@wayline/settings';

/** What is set for a caller beyond what its credential says of itself. From memory, at once. */
export function settingsOf({ kind, projectId, id }: Principal, settings: SettingsView): CallerSettings {
  return kind === 'key' ? settings.key(projectId, id) : settings.project(projectId);
}

/** A `ProblemError` where nothing is taken from the caller: 401 for a revoked key, 403 for a closed project. */
export function requireAllowed({ refused }: CallerSettings): void {
  if (refused === 'revoked') {
    throw new ProblemError(
      'unauthenticated',
      'The write key was revoked; make another with `wayline admin create-key`.',
    );
  }
  if (refused === 'disabled') throw new ProblemError('forbidden', 'The project is closed: it takes no events.');
}

export function maxBodyBytes({ bodyBytes = LIMITS.bodyBytes }: CallerSettings): number {
  return Math.min(bodyBytes, LIMITS.bodyBytes);
}

/** Which corrected times the caller may write now. */
export function windowOf(
  { allowImport }: Principal,
  { pastDays, retentionDays }: CallerSettings,
  receivedMs: number,
): TimeWindow {
  return timeWindow(receivedMs, { allowImport, pastDays, retentionDays });
}
