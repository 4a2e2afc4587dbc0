import { uuidV8 } from '@wayline/contracts';

/**
 * The session of events whose form has none: the same for whatever has the same parts.
 * @param door which forms share sessions, as the beginning of the name
 * @param parts such as a user and a day
 */
export function derivedSession(door: 'anon' | 'legacy', ...parts: readonly string[]): string {
  return `${door}-${uuidV8(...parts)}`;
}

/** The day of a time in UTC, such as 2026-01-05. */
export const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The hour of a time in UTC, such as 2026-01-05T12. */
export const hourOf = (ms: number): string => new Date(ms).toISOString().slice(0, 13);
