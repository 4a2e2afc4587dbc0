import type { IncomingMessage, ServerResponse } from 'node:http';
import { ProblemError } from '@wayline/contracts';

/** What a page may send beside what every page may. */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Content-Encoding',
  'Wayline-Sent-At',
  'Wayline-Session',
  'X-Request-Id',
  'traceparent',
  'tracestate',
].join(', ');
const RESPONSE_HEADERS = 'X-Request-Id, Retry-After, RateLimit, RateLimit-Policy';
/** For so long a browser need not ask again, s: the most that one of them keeps. */
const MAX_AGE_SECONDS = '7200';

/** Lets a page of any origin read the answer: also one that refuses the key, before it is known whose it is. */
export function letOriginRead({ headers }: IncomingMessage, response: ServerResponse): void {
  if (headers.origin === undefined) return;
  response.setHeader('Access-Control-Allow-Origin', headers.origin);
  // A beacon always goes with the page's cookies: without this a browser would not let one of JSON through.
  response.setHeader('Access-Control-Allow-Credentials', 'true');
  response.setHeader('Access-Control-Expose-Headers', RESPONSE_HEADERS);
  response.setHeader('Vary', 'Origin');
}

/**
 * Refuses a page whose origin a key does not allow: 403. What is no page sends no `Origin`, and passes.
 * @param allowed origins such as `https://shop.example`, or `https://*.shop.example` for all below it; absent: every one
 */
export function requireOrigin({ headers }: IncomingMessage, allowed: readonly string[] | undefined): void {
  const { origin } = headers;
  if (origin === undefined || allowed === undefined || allowed.some((pattern) => matches(origin, pattern))) return;
  throw new ProblemError(
    'origin_not_allowed',
    `Pages of ${origin.slice(0, 256)} may not use this key; add the origin to those that the key or its project allows.`,
  );
}

function matches(origin: string, pattern: string): boolean {
  const star = pattern.indexOf('*.');
  if (star === -1) return origin === pattern;
  const scheme = pattern.slice(0, star);
  const below = pattern.slice(star + 1);
  return origin.startsWith(scheme) && origin.endsWith(below) && origin.length > scheme.length + below.length;
}

/** Those of a CloudEvent that the page asks for: its extensions have names of their own, so no list could hold them. */
function cloudEventHeaders({ headers }: IncomingMessage): string[] {
  const asked = headers['access-control-request-headers'] ?? '';
  return asked.split(',').flatMap((name) => /^\s*(ce-[a-z0-9]{1,40})\s*$/i.exec(name)?.[1] ?? []);
}

/** The answer to a browser that asks whether a page may send this; `methods` as the path serves them. */
export function answerPreflight(request: IncomingMessage, response: ServerResponse, methods: string): void {
  letOriginRead(request, response);
  response.setHeader('Access-Control-Allow-Methods', methods);
  response.setHeader('Access-Control-Allow-Headers', [REQUEST_HEADERS, ...cloudEventHeaders(request)].join(', '));
  response.setHeader('Access-Control-Max-Age', MAX_AGE_SECONDS);
  response.setHeader('Allow', `${methods}, OPTIONS`);
  response.statusCode = 204;
  response.end();
}
