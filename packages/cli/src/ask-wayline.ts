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
    throw new RemoteError(`${url} cannot be reached (${reasonOf(error)}).`);
  }
  const answer = parse(text);
  if (response.status === 200 && typeof answer === 'object' && answer !== null) return answer as T;
  throw failure(url, { status: response.status, answer, scope: 'admin' });
}

/**
 * Asks a running Wayline for something of any length; resolves once its answer has begun. The body fails if it breaks off.
 * @throws as `askWayline`
 */
export async function streamFromWayline(
  { url, credential }: ClientSettings,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<{ headers: Headers; body: AsyncIterable<Uint8Array> }> {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const search = new URLSearchParams(given).toString();
  let response: Response;
  try {
    response = await fetch(`${url}${path}${search && `?${search}`}`, {
      headers: { authorization: `Bearer ${credential}` },
      redirect: 'manual',
    });
  } catch (error) {
    throw new RemoteError(`${url} cannot be reached (${reasonOf(error)}).`);
  }
  if (response.status === 200 && response.body) return { headers: response.headers, body: response.body };
  const answer = parse(await response.text().catch(() => ''));
  throw failure(url, { status: response.status, answer, scope: 'read' });
}

/** What `fetch` hides: a code where there is one. */
export function reasonOf(error: unknown): string {
  const { cause } = error as Error;
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? messageOf(cause ?? error);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // what stands before Wayline may answer with a page
  }
}

function failure(
  url: string,
  { status, answer, scope }: { status: number; answer: unknown; scope: 'admin' | 'read' },
): Error {
  const { detail, title, code } = (answer ?? {}) as Partial<Problem>;
  const why = (detail ?? title)?.replace(/\.$/, '');
  if (status === 401 || status === 403) {
    return new UsageError(
      `${why ?? `${url} answered ${status}`}. Set WAYLINE_TOKEN to a token with the scope ${scope}.`,
    );
  }
  const said = why ? `${why}.` : `${url} answered ${status}.`;
  return status >= 400 && status < 500 && code ? new UsageError(said) : new RemoteError(said);
}
