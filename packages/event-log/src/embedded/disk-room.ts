import { statfs } from 'node:fs/promises';
import { type LogLogger, LogUnavailableError } from '../event-log.ts';

/**
 * Kept free of appends, on disk or within the file: even a removal writes some pages before it frees others. Without it a
 * disk that the log itself had filled could never be made room on by reading.
 */
const RESERVE_BYTES = 4 * 1024 * 1024;
/** With so much room, or more, it is looked at only now and then. */
const AMPLE_BYTES = 256 * 1024 * 1024;
const LOOK_EVERY_MS = 1_000;
/** What a transaction takes besides the records. */
const OVERHEAD_BYTES = 128 * 1024;

export interface DiskRoomOptions {
  folder: string;
  /** Bytes within the file that hold nothing. */
  freeBytes(): number;
  logger?: LogLogger;
}

/**
 * Answers, before an append of so many bytes is written, with the refusal if it would take the last of the room. What
 * the system does not tell, such as a quota, shows in the failure of the append.
 */
export function createDiskRoom({ folder, freeBytes, logger }: DiskRoomOptions) {
  let ample = { bytes: 0, untilMs: 0 };
  let full = false;

  return async function refuse(bytes: number): Promise<LogUnavailableError | undefined> {
    const needed = bytes + OVERHEAD_BYTES;
    ample.bytes -= needed;
    if (ample.bytes > AMPLE_BYTES && Date.now() < ample.untilMs) return undefined;
    const { bavail, bsize } = await statfs(folder);
    const room = bavail * bsize + freeBytes();
    ample = { bytes: room - needed, untilMs: Date.now() + LOOK_EVERY_MS };
    const wasFull = full;
    full = room < needed + RESERVE_BYTES;
    const message = `There is no room left on disk for the event log in ${folder}`;
    if (full && !wasFull) logger?.error({ folder, room }, `${message}: appends are refused`);
    if (wasFull && !full) logger?.info({ folder, room }, 'There is room on disk for the event log again');
    return full ? new LogUnavailableError('full', message) : undefined;
  };
}
