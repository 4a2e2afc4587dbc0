import { hasEmbeddedLog } from '../all/embedded-log.ts';
import type { Config } from '../config.ts';
import { dataFolder } from '../data-folder.ts';
import { UsageError } from '../errors.ts';
import type { Answer } from './admin.ts';

/**
 * Takes a group out of the embedded log of the data folder, while `wayline all` does not run there.
 * @throws UsageError if there is no embedded log, or it does not know the group; LogSetupError if it is in use
 */
export async function forgetGroupCommand(config: Config<'admin'>, group: string): Promise<Answer> {
  const folder = dataFolder(config.dataDir);
  if (!hasEmbeddedLog(folder)) throw new UsageError(`The data folder ${folder.path} has no embedded log.`);
  const { forgetGroup } = await import('@wayline/event-log/embedded');
  const partitions = await forgetGroup(folder.logFolder, group);
  if (partitions === 0) throw new UsageError(`The embedded log in ${folder.path} knows no group ${group}.`);
  return { fields: { group, partitions }, text: `The group ${group} is forgotten: nothing waits for it any more` };
}
