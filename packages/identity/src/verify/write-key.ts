import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a write key says of itself: `wlk_<project>_<id>_<w|wi>_<mac>`; `i` allows import. */
export interface WriteKeyClaims {
  projectId: number;
  keyId: string;
  allowImport: boolean;
}

const WRITE_KEY = /^wlk_([1-9]\d{0,9})_([0-9a-z]{1,32})_(wi?)_([0-9a-f]{32})$/;

const mac = (secret: string, body: string): string =>
  createHmac('sha256', secret).update(`wayline write key\0${body}`).digest('hex').slice(0, 32);

/** The text of a write key, signed with the secret. */
export function formatWriteKey({ projectId, keyId, allowImport }: WriteKeyClaims, secret: string): string {
  const body = `${projectId}_${keyId}_${allowImport ? 'wi' : 'w'}`;
  return `wlk_${body}_${mac(secret, body)}`;
}

/** The claims of a write key that one of the secrets signed, else undefined. */
export function readWriteKey(text: string, secrets: readonly string[]): WriteKeyClaims | undefined {
  const match = WRITE_KEY.exec(text);
  if (!match) return undefined;
  const [, project, keyId, flags, given] = match as unknown as [string, string, string, string, string];
  const signature = Buffer.from(given);
  const genuine = secrets.some((secret) =>
    timingSafeEqual(Buffer.from(mac(secret, `${project}_${keyId}_${flags}`)), signature),
  );
  return genuine ? { projectId: Number(project), keyId, allowImport: flags === 'wi' } : undefined;
}

/** What a text says of itself, whether it is genuine or not: to find a key by, and never to let anybody in. */
export function readKeyId(text: string): { projectId: number; keyId: string } | undefined {
  const [, project, keyId] = WRITE_KEY.exec(text) ?? [];
  return project === undefined || keyId === undefined ? undefined : { projectId: Number(project), keyId };
}
