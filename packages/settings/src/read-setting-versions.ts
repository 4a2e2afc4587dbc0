import type { EventLog } from '@wayline/event-log';
import { readSetting } from './setting-record.ts';

/**
 * Reads the topic whole, as a new reader would: of each setting the version that stands last, which is the one that
 * remains once the topic is compacted.
 */
export async function readSettingVersions(
  log: EventLog,
  topic: string,
  signal: AbortSignal,
): Promise<Map<string, number>> {
  const versions = new Map<string, number>();
  const follower = log.follow({
    topic,
    onRecord(record) {
      try {
        const setting = readSetting(record);
        if (setting) versions.set(setting.key, setting.version);
      } catch {
        if (record.key) versions.delete(record.key.toString()); // no reader can make anything of it
      }
    },
  });
  const stop = () => follower.close();
  signal.addEventListener('abort', stop);
  try {
    await follower.caughtUp;
    return versions;
  } finally {
    signal.removeEventListener('abort', stop);
    follower.close();
  }
}
