import { createHash } from 'node:crypto';
import type { Source } from '@wayline/store';

/** The session that a trace is of. */
export interface TracedSession {
  projectId: number;
  sessionId: string;
}

const hex = (parts: readonly unknown[], bytes: number): string =>
  createHash('sha256')
    .update(JSON.stringify(parts))
    .digest('hex')
    .slice(0, 2 * bytes);

/** The id of a session's trace, always the same: 16 bytes in hex. */
export const traceIdOf = ({ projectId, sessionId }: TracedSession): string => hex(['trace', projectId, sessionId], 16);

/** Tells sources apart; undefined stands for events without one. */
export const sourceKey = (source: Source | undefined): string =>
  source ? JSON.stringify([source.kind, source.name, source.version ?? null, source.instance ?? null]) : '';

/** The id of a source's span in a session's trace, 8 bytes in hex; of the session's own where the key is ''. */
export const spanIdOf = ({ projectId, sessionId }: TracedSession, key: string): string =>
  hex(['span', projectId, sessionId, key], 8);
