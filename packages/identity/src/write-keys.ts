import { randomInt } from 'node:crypto';
import { keySettingKey } from '@wayline/contracts';
import {
  changeSetting,
  findWriteKey,
  findWriteKeysById,
  insertWriteKey,
  inTransaction,
  type ListedWriteKey,
  listWriteKeys,
  revokeWriteKey,
} from '@wayline/store';
import { IdentityError } from './identity-error.ts';
import { type Pool, type Project, requireName } from './projects.ts';
import { formatWriteKey, readKeyId } from './verify/write-key.ts';

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
  requireName(wanted.name, 'key');
  const row = { ...wanted, keyId: newKeyId() };
  await insertWriteKey(pool, row);
  return { ...row, key: formatWriteKey(row, secret) };
}

/** The key of that name and right, the same at every call; made if there is none. */
export async function ensureWriteKey(pool: Pool, wanted: NewWriteKey, secret: string): Promise<WriteKey> {
  const row = await findWriteKey(pool, wanted);
  return row ? { ...row, key: formatWriteKey(row, secret) } : createWriteKey(pool, wanted, secret);
}

/** All keys of a project, the newest first, revoked ones too. Their texts are not among it. */
export function listKeys(pool: Pool, { id }: Project): Promise<ListedWriteKey[]> {
  return listWriteKeys(pool, id);
}

/**
 * The key of this text or id. Whether the text is genuine is not asked: who knows only the id may name the key as well.
 * @throws IdentityError if there is none, or more than one project has a key of the id and none is named
 */
export async function findKey(pool: Pool, keyOrId: string, project?: Project): Promise<ListedWriteKey> {
  const text = keyOrId.trim();
  const claims = readKeyId(text);
  const projectId = project?.id ?? claims?.projectId;
  const keyId = claims?.keyId ?? text;
  const rows = (await findWriteKeysById(pool, keyId)).filter(
    (row) => projectId === undefined || row.projectId === projectId,
  );
  if (rows.length === 1 && rows[0]) return rows[0];
  throw new IdentityError(
    'unknown_key',
    rows.length === 0
      ? `There is no write key "${keyId}"; \`wayline admin list-keys --project SLUG\` names those of a project.`
      : `Several projects have a key "${keyId}": name the project too.`,
  );
}

/**
 * From now on nothing is taken from the key: within a minute at every door, and for good. The row and what is told to
 * the log are one transaction.
 * @returns when it was revoked, epoch ms: earlier, if it was revoked before
 */
export async function revokeKey(
  pool: Pool,
  { projectId, keyId }: { projectId: number; keyId: string },
): Promise<number> {
  return inTransaction(pool, async (client) => {
    const revokedAt = await revokeWriteKey(client, { projectId, keyId });
    if (revokedAt === undefined) throw new IdentityError('unknown_key', `There is no write key "${keyId}".`);
    await changeSetting(client, keySettingKey(projectId, keyId), { revokedAt });
    return revokedAt;
  });
}

const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/** 62 random bits: unique within a project, and public, for it is the signature that cannot be guessed. */
function newKeyId(): string {
  return Array.from({ length: 12 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
