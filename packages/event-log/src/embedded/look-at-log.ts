import type { EventLog } from '../event-log.ts';
import { lookAtLogFile } from './log-file.ts';
import { openPartitions, rangeOf } from './partition.ts';

/** A log that is looked at from beside the process that runs on it. */
export interface LogOnDisk extends Pick<EventLog, 'id' | 'ranges'> {
  close(): Promise<void>;
}

/**
 * How far a log goes, as it is on disk now, also while another process appends to it: its lock is not asked for, and
 * nothing can be written. Not for the process that holds the log.
 * @throws LogSetupError if there is none, or it cannot be read
 */
export async function lookAtEmbeddedLog(folder: string): Promise<LogOnDisk> {
  const file = await lookAtLogFile(folder);
  return {
    id: file.id,
    async ranges(topic) {
      return openPartitions(file, topic).map(rangeOf);
    },
    close: () => file.close(),
  };
}
