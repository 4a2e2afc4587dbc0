import type { Config } from './config.ts';
import { dataFolder } from './data-folder.ts';
import { type DevFile, readDevFile } from './dev-file.ts';
import { UsageError } from './errors.ts';

/** How a command reaches a running Wayline. */
export interface ClientSettings {
  /** Without a slash at the end. */
  url: string;
  /** Sent as `Authorization: Bearer`: a write key or an access token. */
  credential: string;
}

/**
 * From WAYLINE_URL and WAYLINE_KEY or WAYLINE_TOKEN, else from the `dev.json` of the data folder. A key of `dev.json` is
 * never sent to another address than its own.
 * @throws UsageError if neither says enough
 */
export async function clientSettings(config: Config<'import'>): Promise<ClientSettings> {
  const { target, dev } = await findTarget(config, 'WAYLINE_KEY');
  const credential = config.key ?? config.token ?? dev?.writeKey;
  if (!credential)
    throw new UsageError(`Set WAYLINE_KEY or WAYLINE_TOKEN: a key or token that may write to ${target}.`);
  return { url: target, credential };
}

/**
 * The same for commands that read and administer: from WAYLINE_URL and WAYLINE_TOKEN, else from `dev.json`.
 * @param scope what the token must allow, for whoever has none
 * @throws UsageError if neither says enough
 */
export async function tokenSettings(
  config: Config<'dead-letters'> | Config<'export'>,
  scope: 'admin' | 'read' = 'admin',
): Promise<ClientSettings> {
  const { target, dev } = await findTarget(config, 'WAYLINE_TOKEN');
  const credential = config.token ?? dev?.token;
  if (!credential) throw new UsageError(`Set WAYLINE_TOKEN: a token of ${target} with the scope ${scope}.`);
  return { url: target, credential };
}

/** Where to; and `dev.json`, if it is of that address. */
async function findTarget(
  { url, dataDir }: Config,
  credential: string,
): Promise<{ target: string; dev: DevFile | undefined }> {
  const folder = dataFolder(dataDir);
  const dev = await readDevFile(folder.devFile);
  const target = (url ?? dev?.url)?.replace(/\/+$/, '');
  if (!target) {
    throw new UsageError(
      `There is no Wayline to talk to: set WAYLINE_URL and ${credential}, or start \`wayline all\` (no dev.json in ${folder.path}).`,
    );
  }
  return { target, dev: target === dev?.url ? dev : undefined };
}
