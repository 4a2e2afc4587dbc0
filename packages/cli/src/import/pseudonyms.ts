import { createHmac } from 'node:crypto';

/** Opaque names for the clients of an access log: the same for the same salt, and of no use without it. */
export interface Pseudonyms {
  client(address: string): string;
  /** Of an address and a user agent. */
  visitor(address: string, userAgent: string | undefined): string;
  /** Of a visitor's session that began at a time, epoch ms. */
  session(visitor: string, firstMs: number): string;
  /** Part of the event's id: an address could be guessed from a hash of its line that holds no secret. */
  readonly secret: string;
}

const REMEMBERED = 10_000;

export function createPseudonyms(salt: string): Pseudonyms {
  const hash = (kind: string, ...parts: readonly (string | number)[]): string =>
    createHmac('sha256', salt)
      .update(JSON.stringify([kind, ...parts]))
      .digest()
      .subarray(0, 16)
      .toString('base64url');

  /** The same addresses and agents come again and again. */
  const remembered = new Map<string, string>();
  function remember(kind: string, ...parts: readonly string[]): string {
    const key = JSON.stringify([kind, ...parts]);
    let name = remembered.get(key);
    if (name === undefined) {
      name = hash(kind, ...parts);
      if (remembered.size >= REMEMBERED) remembered.clear();
      remembered.set(key, name);
    }
    return name;
  }
  return {
    client: (address) => remember('client', address),
    visitor: (address, userAgent) => remember('visitor', address, userAgent ?? ''),
    session: (visitor, firstMs) => hash('session', visitor, firstMs),
    secret: hash('event'),
  };
}
