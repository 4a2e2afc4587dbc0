import type { IncomingMessage } from 'node:http';
import { ProblemError } from '@wayline/contracts';
import type { Principal, Scope, Verifier } from '@wayline/identity/verify';
import type { Request, RequestHandler } from 'express';

const principals = new WeakMap<Request, Principal>();

const BEARER = /^Bearer +(\S+) *$/i;

/** `Authorization: Bearer …`; where `queryKey` is allowed (write doors only) else `?key=`. */
export function credentialOf(
  { headers, url = '' }: Pick<IncomingMessage, 'headers' | 'url'>,
  options: { queryKey: boolean },
): string | undefined {
  const header = headers.authorization === undefined ? undefined : BEARER.exec(headers.authorization)?.[1];
  if (header) return header;
  const query = options.queryKey ? url.indexOf('?') : -1;
  if (query === -1) return undefined;
  const keys = new URLSearchParams(url.slice(query + 1)).getAll('key');
  return keys.length === 1 ? keys[0] : undefined;
}

/** The user name of `Authorization: Basic …`, where a form has its key there; undefined where there is none. */
export function basicUserName({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+) *$/i.exec(headers.authorization ?? '')?.[1];
  const [name] = encoded === undefined ? [] : Buffer.from(encoded, 'base64').toString().split(':', 1);
  return name || undefined;
}

/**
 * Who sent the request: at once for a genuine write key, which most requests that write come with.
 * @throws ProblemError (or rejects with it) of 401 without a valid key or token, of 403 if it lacks the scope
 */
export function authorize(request: IncomingMessage, verifier: Verifier, scope: Scope): Principal | Promise<Principal> {
  return admit(credentialOf(request, { queryKey: scope === 'write' }), verifier, scope);
}

/** The same, with a credential that was found elsewhere. */
export function admit(
  credential: string | undefined,
  verifier: Verifier,
  scope: Scope,
): Principal | Promise<Principal> {
  const key = credential === undefined ? undefined : verifier.writeKey(credential);
  return key?.scopes.has(scope) ? key : authenticated(verifier, credential, scope);
}

async function authenticated(verifier: Verifier, credential: string | undefined, scope: Scope): Promise<Principal> {
  const principal = await verifier.authenticate(credential);
  if (principal.scopes.has(scope)) return principal;
  const has = [...principal.scopes].join(', ') || 'none';
  throw new ProblemError('forbidden', `This needs the scope \`${scope}\`; the ${principal.kind} has: ${has}.`);
}

/** Lets a request pass whose key or token has the scope: 401 without a valid one, 403 without the scope. */
export function requireScope(verifier: Verifier, scope: Scope): RequestHandler {
  return async (request, _response, next) => {
    principals.set(request, await authorize(request, verifier, scope));
    next();
  };
}

/** The principal that `requireScope` let pass. */
export function principalOf(request: Request): Principal {
  const principal = principals.get(request);
  if (!principal) throw new Error('requireScope must stand before this handler');
  return principal;
}
