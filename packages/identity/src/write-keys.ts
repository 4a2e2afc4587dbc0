import { randomInt } from 'node:crypto';
import { findWriteKey, insertWriteKey } from '@wayline/store';
import { IdentityError } from './identity-error.ts';
import type { Pool } from './projects.ts';
import { formatWriteKey } from './verify/write-key.ts';

export interface NewWriteKey {
  projectId: number;
  /** What it is for, in people's words. */
  name: string;
  /** May write times from 2000 on. */
  allowImport: boolean;
}

/** `key` is the text to hand out: it is not stored, but follows from the row and the secret. */
export interface WriteKey extends NewWriteKey {
  keyId: string;
  key: string;
}

/** @param secret the one that signs */
export async function createWriteKey(pool: Pool, wanted: NewWriteKey, secret: string): Promise<WriteKey> {
  if (wanted.name.trim() === '' || [...wanted.name].length > 128) {
    throw new IdentityError('invalid_name', "A key's name is 1 to 128 characters.");
  }
  const row = { ...wanted, keyId: newKeyId() };
  await insertWriteKey(pool, row);
  return { ...row, key: formatWriteKey(row, secret) };
}

/** The key of that name and right, the same at every call; made if there is none. */
export async function ensureWriteKey(pool: Pool, wanted: NewWriteKey, secret: string): Promise<WriteKey> {
  const row = await findWriteKey(pool, wanted);
  return row ? { ...row, key: formatWriteKey(row, secret) } : createWriteKey(pool, wanted, secret);
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/** 62 random bits: unique within a project, and public, for it is the signature that cannot be guessed. */
function newKeyId(): string {
  return Array.from({ length: 12 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
