import { createHmac } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { type Principal, SCOPES, type Scope } from './principal.ts';

const ISSUER = 'wayline';

/** Tokens and write keys are signed with keys of their own, both derived from the secret. */
const signingKey = (secret: string): Uint8Array => createHmac('sha256', secret).update('wayline access token').digest();

export interface TokenClaims {
  projectId: number;
  subject: string;
  scopes: readonly Scope[];
  expiresInSeconds: number;
  allowImport?: boolean;
}

/** A signed access token (JWT, HS256). */
export function signAccessToken(claims: TokenClaims, secret: string): Promise<string> {
  return new SignJWT({
    project: claims.projectId,
    scope: claims.scopes.join(' '),
    ...(claims.allowImport && { import: true }),
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience(ISSUER)
    .setSubject(claims.subject)
    .setIssuedAt()
    .setExpirationTime(`${claims.expiresInSeconds} s`)
    .sign(signingKey(secret));
}

/** Who a token speaks for; `expired` or `invalid` where it speaks for nobody. */
export async function readAccessToken(
  token: string,
  secrets: readonly string[],
): Promise<Principal | 'expired' | 'invalid'> {
  for (const secret of secrets) {
    try {
      const { payload } = await jwtVerify(token, signingKey(secret), {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: ISSUER,
        typ: 'at+jwt',
        requiredClaims: ['exp', 'sub'],
      });
      if (!Number.isInteger(payload.project) || typeof payload.scope !== 'string') return 'invalid';
      const named = payload.scope.split(' ');
      return {
        kind: 'token',
        projectId: payload.project as number,
        id: payload.sub as string,
        scopes: new Set(SCOPES.filter((scope) => named.includes(scope))),
        allowImport: payload.import === true,
        expiresMs: (payload.exp as number) * 1000,
      };
    } catch (error) {
      if (error instanceof errors.JWTExpired) return 'expired';
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) return 'invalid';
    }
  }
  return 'invalid';
}
