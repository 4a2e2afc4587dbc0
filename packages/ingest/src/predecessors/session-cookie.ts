import type { IncomingHttpHeaders } from 'node:http';
import { eventSchema } from '@wayline/contracts';

const NAME = 'activeSessionId';
const { maxLength } = eventSchema.properties.sessionId;

/** Whether an event could be of this session. */
export const isSession = (text: string): boolean =>
  text !== '' && [...text].length <= maxLength && !text.includes('\0') && text.isWellFormed();

/** The session that a browser brings along; undefined where there is none, or none that was ours to give. */
export function sessionOfCookie({ cookie = '' }: IncomingHttpHeaders): string | undefined {
  for (const pair of cookie.split(';')) {
    const [name, value = ''] = pair.trim().split('=', 2);
    if (name !== NAME) continue;
    try {
      const sessionId = decodeURIComponent(value);
      return isSession(sessionId) ? sessionId : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** The header that has a browser bring the session along, until it is closed. */
export function sessionCookie(sessionId: string): { 'Set-Cookie': string } {
  return { 'Set-Cookie': `${NAME}=${encodeURIComponent(sessionId)}; Path=/; HttpOnly; SameSite=Lax` };
}
