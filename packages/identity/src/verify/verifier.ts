import { ProblemError } from '@wayline/contracts';
import { readAccessToken } from './access-token.ts';
import type { Principal } from './principal.ts';
import { readWriteKey } from './write-key.ts';

/** Checks keys and tokens by their signatures alone: no I/O, so it may stand on the request path. */
export interface Verifier {
  /** The principal of a write key or access token; else a `ProblemError` (`unauthenticated`) that says what to do. */
  authenticate(credential: string | undefined): Promise<Principal>;
  /** The principal of a write key, or undefined if it is not genuine. */
  writeKey(text: string): Principal | undefined;
}

const WRITE_ONLY: ReadonlySet<'write'> = new Set(['write'] as const);
const CACHED_KEYS = 1000;
const CACHED_TOKENS = 1000;

/** @param secrets base64url texts of at least 32 bytes; the first signs, all verify (so that they can be rotated) */
export function createVerifier({ secrets }: { secrets: readonly string[] }): Verifier {
  if (secrets.length === 0 || secrets.some((secret) => secret.length < 32)) {
    throw new Error('A verifier needs at least one secret of 32 characters or more');
  }
  const genuineKeys = new Map<string, Principal>();
  // A token says the same until it expires. To check it each time takes as long as many a read, and a turn of another thread.
  const genuineTokens = new Map<string, Principal>();

  function writeKey(text: string): Principal | undefined {
    const known = genuineKeys.get(text);
    if (known) return known;
    const claims = readWriteKey(text, secrets);
    if (!claims) return undefined;
    const principal: Principal = {
      kind: 'key',
      projectId: claims.projectId,
      id: claims.keyId,
      scopes: WRITE_ONLY,
      allowImport: claims.allowImport,
    };
    if (genuineKeys.size >= CACHED_KEYS) genuineKeys.clear();
    genuineKeys.set(text, principal);
    return principal;
  }

  async function authenticate(credential: string | undefined): Promise<Principal> {
    if (!credential) {
      throw new ProblemError('unauthenticated', 'Send a write key or an access token as `Authorization: Bearer …`.');
    }
    if (credential.startsWith('wlk_')) {
      const principal = writeKey(credential);
      if (principal) return principal;
      throw new ProblemError(
        'unauthenticated',
        'The write key is not valid; make one with `wayline admin create-key`.',
      );
    }
    const known = genuineTokens.get(credential);
    if (known && Date.now() < (known.expiresMs ?? 0)) return known;
    const principal = await readAccessToken(credential, secrets);
    if (typeof principal === 'object') {
      if (genuineTokens.size >= CACHED_TOKENS) genuineTokens.clear();
      genuineTokens.set(credential, principal);
      return principal;
    }
    genuineTokens.delete(credential);
    throw new ProblemError(
      'unauthenticated',
      principal === 'expired'
        ? 'The access token has expired; get a new one.'
        : 'The access token is not valid; make one with `wayline admin create-token`.',
    );
  }

  return { authenticate, writeKey };
}
