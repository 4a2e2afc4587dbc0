export { readAccessToken, signAccessToken, type TokenClaims } from './access-token.ts';
export { type Principal, SCOPES, type Scope } from './principal.ts';
export { createVerifier, type Verifier } from './verifier.ts';
export { formatWriteKey, readWriteKey, type WriteKeyClaims } from './write-key.ts';
