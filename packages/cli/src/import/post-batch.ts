import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ItemError, Problem } from '@wayline/contracts';
import { messageOf, UsageError } from '../errors.ts';
import { ImportError, type ImportEvent, type Refusal } from './import-event.ts';

const compress = promisify(gzip);

export interface PostOptions {
  /** Of the running Wayline, without a slash at the end. */
  url: string;
  /** A write key or access token. */
  credential: string;
  signal: AbortSignal;
}

/** What came of a try to send a batch; `wait`: the same may succeed later. */
export type PostOutcome =
  | { kind: 'done'; accepted: number; refused: Refusal[] }
  | { kind: 'wait'; reason: string; retryAfterMs?: number }
  | { kind: 'too-large'; reason: string };

const ANSWER_MS = 60_000;
/** However long a Retry-After is. */
const LONGEST_WAIT_MS = 3_600_000;
/** Answers of Wayline and of what stands before it (a load balancer, a proxy) to what may go well later. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/**
 * Tries once to send a batch to `POST /v1/events`, as gzipped NDJSON.
 * @throws UsageError if the key is not accepted; ImportError if the answer is none that Wayline gives to events
 */
export async function postBatch(batch: readonly ImportEvent[], options: PostOptions): Promise<PostOutcome> {
  const { url, credential, signal } = options;
  const body = await compress(batch.map(({ json }) => `${json}\n`).join(''), { level: 1 });
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${credential}`,
        'content-type': 'application/x-ndjson',
        'content-encoding': 'gzip',
        // Empty on purpose: the API would write ours into events of apps that have none.
        'user-agent': '',
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    answer = parseAnswer(await response.text());
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'wait', reason: `${url} cannot be reached (${networkReason(error)})` };
  }
  return outcome(batch, url, response, answer);
}

/** What stands before Wayline may answer with a page. */
function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function outcome(batch: readonly ImportEvent[], url: string, response: Response, answer: unknown): PostOutcome {
  const { status } = response;
  const { code, detail, title, errors } = (answer ?? {}) as Partial<Problem>;
  const why = (detail ?? title)?.replace(/\.$/, '');
  const said = `${url} answered ${status}${why ? `: ${why}` : ''}`;
  if (status === 202) return acknowledged(batch, url, answer);
  if (status === 422 && code === 'no_valid_events') {
    return { kind: 'done', accepted: 0, refused: allRefused(batch, errors ?? [], String(detail)) };
  }
  if (status === 413) return { kind: 'too-large', reason: said };
  if (PASSING.includes(status)) return { kind: 'wait', reason: said, retryAfterMs: retryAfterMs(response) };
  if (status === 401 || status === 403) {
    throw new UsageError(`${said}. Set WAYLINE_KEY to a key, or WAYLINE_TOKEN to a token, that may write.`);
  }
  const location = response.headers.get('location');
  throw new ImportError(
    location ? `${url} sends on to ${location}; set WAYLINE_URL to where Wayline itself is.` : `${said}.`,
  );
}

function acknowledged(batch: readonly ImportEvent[], url: string, answer: unknown): PostOutcome {
  const { accepted, rejected } = (answer ?? {}) as {
    accepted?: number;
    rejected?: { index: number; errors: ItemError[] }[];
  };
  if (typeof accepted !== 'number' || !Array.isArray(rejected) || accepted + rejected.length !== batch.length) {
    throw new ImportError(`What answers at ${url} is not Wayline, or one that this version does not understand.`);
  }
  const refused = rejected.map(({ index, errors }) => ({ line: (batch[index] as ImportEvent).line, errors }));
  return { kind: 'done', accepted, refused };
}

function allRefused(batch: readonly ImportEvent[], errors: readonly ItemError[], detail: string): Refusal[] {
  const refused = batch.map(({ line }): Refusal => ({ line, errors: [] }));
  for (const { index, ...error } of errors) refused[index]?.errors.push(error);
  for (const { errors } of refused) {
    if (errors.length === 0) errors.push({ pointer: '', code: 'invalid_format', message: detail });
  }
  return refused;
}

/** `Retry-After`, in seconds or as a date. */
function retryAfterMs({ headers }: Response): number | undefined {
  const text = headers.get('retry-after');
  if (!text) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(LONGEST_WAIT_MS, Math.max(0, ms));
}

function networkReason(error: unknown): string {
  if ((error as Error).name === 'TimeoutError') return `no answer within ${ANSWER_MS / 1000} s`;
  const { cause } = error as Error;
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? messageOf(cause ?? error);
}
