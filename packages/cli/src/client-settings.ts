import type { Config } from './config.ts';
import { dataFolder } from './data-folder.ts';
import { readDevFile } from './dev-file.ts';
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
export async function clientSettings({ url, key, token, dataDir }: Config<'import'>): Promise<ClientSettings> {
  const folder = dataFolder(dataDir);
  const dev = await readDevFile(folder.devFile);
  const target = (url ?? dev?.url)?.replace(/\/+$/, '');
  if (!target) {
    throw new UsageError(
      `There is no Wayline to talk to: set WAYLINE_URL and WAYLINE_KEY, or start \`wayline all\` (no dev.json in ${folder.path}).`,
    );
  }
  const credential = key ?? token ?? (target === dev?.url ? dev.writeKey : undefined);
  if (!credential)
    throw new UsageError(`Set WAYLINE_KEY or WAYLINE_TOKEN: a key or token that may write to ${target}.`);
  return { url: target, credential };
}
