import type { Problem } from '@wayline/contracts';
import type { ClientSettings } from './client-settings.ts';
import { messageOf, UsageError } from './errors.ts';

/** A running Wayline could not be reached, or failed; the message is one sentence for the operator. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError';
}

const ANSWER_MS = 60_000;

/**
 * Asks a running Wayline; resolves with the JSON of its answer.
 * @param request.query what is undefined is left out
 * @throws UsageError where the request or the token is at fault; RemoteError for all else
 */
export async function askWayline<T>(
  { url, credential }: ClientSettings,
  path: string,
  request: { method?: 'GET' | 'POST'; query?: Readonly<Record<string, string | undefined>>; body?: object } = {},
): Promise<T> {
  const { method = 'GET', query = {}, body } = request;
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const search = new URLSearchParams(given).toString();
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${url}${path}${search && `?${search}`}`, {
      method,
      headers: {
        authorization: `Bearer ${credential}`,
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    text = await response.text();
  } catch (error) {
    const { cause } = error as Error;
    const why = (cause as NodeJS.ErrnoException | undefined)?.code ?? messageOf(cause ?? error);
    throw new RemoteError(`${url} cannot be reached (${why}).`);
  }
  const answer = parse(text);
  if (response.status === 200 && typeof answer === 'object' && answer !== null) return answer as T;
  throw failure(url, response.status, answer);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // what stands before Wayline may answer with a page
  }
}

function failure(url: string, status: number, answer: unknown): Error {
  const { detail, title, code } = (answer ?? {}) as Partial<Problem>;
  const why = (detail ?? title)?.replace(/\.$/, '');
  if (status === 401 || status === 403) {
    return new UsageError(`${why ?? `${url} answered ${status}`}. Set WAYLINE_TOKEN to a token with the scope admin.`);
  }
  const said = why ? `${why}.` : `${url} answered ${status}.`;
  return status >= 400 && status < 500 && code ? new UsageError(said) : new RemoteError(said);
}
