/** What a key or token may do. Write keys have `write` alone. */
export const SCOPES = ['write', 'read', 'aggregation', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who is calling, as far as the credential itself says: no look-up is needed to know it. */
export interface Principal {
  kind: 'key' | 'token';
  /** Number of the project; all that the caller writes or reads is the project's. */
  projectId: number;
  /** Id of the key, or subject of the token. */
  id: string;
  scopes: ReadonlySet<Scope>;
  /** May write corrected times from 2000 on. */
  allowImport: boolean;
  /** When a token ends, epoch ms; a key does not. */
  expiresMs?: number;
}
