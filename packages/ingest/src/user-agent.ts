import { eventSchema, type WaylineEvent } from '@wayline/contracts';

const MAX_LENGTH = eventSchema.properties.userAgent.maxLength;

/** The `User-Agent` of a request as an event may hold it: well-formed, and cut to as many code points as are allowed. */
export function userAgentOf(header: string | undefined): string | undefined {
  if (!header) return undefined;
  const text = header.toWellFormed();
  return text.length <= MAX_LENGTH ? text : [...text].slice(0, MAX_LENGTH).join('');
}

/** Gives an event of an app the request's user agent, if it names none itself. Services would name their HTTP client. True if it did. */
export function fillUserAgent(event: WaylineEvent, userAgent: string | undefined): boolean {
  if (userAgent === undefined || event.userAgent !== undefined || event.source?.kind !== 'app') return false;
  event.userAgent = userAgent;
  return true;
}
