import type { SessionSummary } from '../api.ts';

/** Whether a session is open, and if not, why it ended. */
export function SessionState({ endReason }: Pick<SessionSummary, 'endReason'>) {
  return <span className={`badge ${endReason ?? 'open'}`}>{endReason ?? 'open'}</span>;
}
