import { ensureProject, ensureWriteKey } from '@wayline/identity';
import { SCOPES, signAccessToken } from '@wayline/identity/verify';
import type { Pool } from '../compose.ts';
import type { DevFile } from '../dev-file.ts';
import type { Secrets } from '../secrets.ts';

/** The token is made anew at every start; older ones stay valid until their time. */
const TOKEN_SECONDS = 90 * 86_400;

/** The project of `wayline all`, its key, the same at every start, and a token for everything. */
export async function developmentAccess(
  pool: Pool,
  [secret]: Secrets,
): Promise<Pick<DevFile, 'project' | 'writeKey' | 'token'>> {
  const project = await ensureProject(pool, { slug: 'default', name: 'Default' });
  const { key } = await ensureWriteKey(pool, { projectId: project.id, name: 'development', allowImport: true }, secret);
  const token = await signAccessToken(
    {
      projectId: project.id,
      subject: 'development',
      scopes: SCOPES,
      expiresInSeconds: TOKEN_SECONDS,
      allowImport: true,
    },
    secret,
  );
  return { project: project.slug, writeKey: key, token };
}
