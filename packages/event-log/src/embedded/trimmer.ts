import { setImmediate as nextTurn } from 'node:timers/promises';
import { type LogLogger, LogUnavailableError } from '../event-log.ts';
import { offsetOfKey } from './chunk.ts';
import type { GroupPositions } from './group-positions.ts';
import type { LogFile } from './log-file.ts';
import type { Partition } from './partition.ts';

/** What goes of what is read; what is not read by every group that publishes positions never goes. */
export interface Retention {
  /** What is older goes. Absent: nothing goes for its age. */
  retentionMs?: number;
  /**
   * About how many bytes of the file the log may fill: beyond, the oldest goes. Where that is not enough, since too much is
   * unread, appends are refused with the reason `full`. Absent: the disk is the limit.
   */
  retentionBytes?: number;
}

export interface TrimmerOptions extends Retention {
  file: LogFile;
  /** Those that may be trimmed: none that is compacted. */
  partitions: readonly Partition[];
  positions: GroupPositions;
  logger?: LogLogger;
}

export interface Trimmer {
  /** Trims if so many bytes more would pass the limit. Answers with the refusal if they do not fit even so. */
  makeRoom(bytes: number): Promise<LogUnavailableError | undefined>;
  /** Resolves when no removal is in hand any more, and none follows. */
  close(): Promise<void>;
}

/** One removal takes at most so many chunks (of 256 KB at most), so that an append never waits for long. */
const CHUNKS_AT_ONCE = 128;
const LONGEST_INTERVAL_MS = 60_000;
const SHORTEST_INTERVAL_MS = 20;
/** Looking in vain for something to remove is repeated after so long at the earliest. */
const IN_VAIN_MS = 250;
/** The same warning again, at the earliest. */
const WARN_EVERY_MS = 3_600_000;
const MIB = 1024 * 1024;

/** Chunks of a partition that may go, in order, and where each one's records end. */
interface Removable {
  partition: Partition;
  keys: readonly Buffer[];
  /** Of each key: where the next chunk begins. */
  nextOffsets: readonly number[];
}

/** Removes from the file what is read and too old, or read and too much, in the background and in small transactions. */
export function createTrimmer(options: TrimmerOptions): Trimmer {
  const { file, partitions, positions, retentionMs, retentionBytes = Number.POSITIVE_INFINITY, logger } = options;
  /** Trimming in the background begins a bit below the limit, so that appends need not wait for it. */
  const slack = Math.min(retentionBytes / 10, 64 * MIB);
  const warnedAtMs = new Map<string, number>();
  let closed = false;
  let running: Promise<void> | undefined;
  let inVainUntilMs = 0;

  /** Never the last chunk of a partition: it says where the partition ends, and is the record that a reader compares. */
  function removable(partition: Partition, limit: number): Removable {
    const { offset } = positions.readBelow(partition.topicId, partition.partition);
    const begins = file.chunkKeys(partition.topicId, partition.partition, { upTo: offset, limit: limit + 1 });
    const nextOffsets = begins.slice(1).map(offsetOfKey);
    return { partition, keys: begins.slice(0, nextOffsets.length), nextOffsets };
  }

  /** How many of the keys are older. Times never go back within a partition, so that few need to be looked at. */
  function countOlder(keys: readonly Buffer[], thanMs: number): number {
    let [low, high] = [0, keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (file.chunkTimeMs(keys[middle] as Buffer) < thanMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function tooOld(): Removable[] {
    if (retentionMs === undefined) return [];
    const found: Removable[] = [];
    let left = CHUNKS_AT_ONCE;
    for (const partition of partitions) {
      if (left === 0) break;
      const { keys, nextOffsets } = removable(partition, left);
      const count = countOlder(keys, Date.now() - retentionMs);
      if (count > 0) found.push({ partition, keys: keys.slice(0, count), nextOffsets: nextOffsets.slice(0, count) });
      left -= count;
    }
    return found;
  }

  /** The oldest chunks of all partitions, until so many bytes are free, or nearly. */
  function tooMuch(needed: number): Removable[] {
    const { bytes, chunks } = file.size();
    const excess = bytes + needed - retentionBytes;
    if (!(excess > 0) || chunks === 0) return [];
    const wanted = Math.min(CHUNKS_AT_ONCE, Math.ceil(excess / (bytes / chunks)));
    const timeOf = ({ keys }: Removable, at: number) =>
      at < keys.length ? file.chunkTimeMs(keys[at] as Buffer) : undefined;
    const heads = partitions.map((partition) => {
      const all = removable(partition, wanted);
      return { all, count: 0, timeMs: timeOf(all, 0) };
    });
    for (let taken = 0; taken < wanted; taken++) {
      const [first, ...others] = heads.filter(({ timeMs }) => timeMs !== undefined);
      if (!first) break;
      const oldest = others.reduce((a, b) => (Number(b.timeMs) < Number(a.timeMs) ? b : a), first);
      oldest.timeMs = timeOf(oldest.all, ++oldest.count);
    }
    return heads
      .filter(({ count }) => count > 0)
      .map(({ all: { partition, keys, nextOffsets }, count }) => ({
        partition,
        keys: keys.slice(0, count),
        nextOffsets: nextOffsets.slice(0, count),
      }));
  }

  /** Starts move first: a reader that saw the chunks gone, and the old start, would pass over what is missing. */
  async function remove(found: readonly Removable[]): Promise<void> {
    const before = found.map(({ partition }) => partition.start);
    for (const { partition, nextOffsets } of found) partition.start = nextOffsets.at(-1) as number;
    try {
      await file.write({ chunks: [], positions: new Map(), removed: found.flatMap(({ keys }) => keys) });
    } catch (error) {
      for (const [i, { partition }] of found.entries()) partition.start = before[i] as number;
      throw error;
    }
  }

  function warn(name: string, fields: object, message: string): void {
    if (Date.now() - (warnedAtMs.get(name) ?? Number.NEGATIVE_INFINITY) < WARN_EVERY_MS) return;
    warnedAtMs.set(name, Date.now());
    logger?.warn(fields, message);
  }

  /** Tells of each group that keeps what is too old or too much from going. */
  function warnOfUnread(needed: number): void {
    const full = file.size().bytes + needed > retentionBytes;
    const unread = new Map<string, number>();
    for (const { topic, topicId, partition, start, end } of partitions) {
      const { offset, group = '' } = positions.readBelow(topicId, partition);
      if (start === end || offset >= end) continue;
      const [first] = file.chunkKeys(topicId, partition, { upTo: start, limit: 1 });
      const old = retentionMs !== undefined && first && file.chunkTimeMs(first) < Date.now() - retentionMs;
      if (!full && !old) continue;
      const name = JSON.stringify([group, topic]);
      unread.set(name, (unread.get(name) ?? 0) + end - Math.max(start, offset));
    }
    for (const [name, records] of unread) {
      const [group, topic] = JSON.parse(name) as [string, string];
      const who = group ? `the group ${group} has not read` : 'no group has read';
      const message = `What is beyond the retention of the event log is kept, since ${who} ${records} records of ${topic}`;
      warn(name, { group: group || null, topic, unread: records }, message);
    }
  }

  async function pass(needed: number): Promise<void> {
    let removed = 0;
    while (!closed) {
      const old = tooOld();
      const found = old.length > 0 ? old : tooMuch(needed);
      if (found.length === 0) break;
      await remove(found);
      removed += found.length;
      await nextTurn();
    }
    if (removed === 0) inVainUntilMs = Date.now() + IN_VAIN_MS;
    if (!closed) warnOfUnread(0);
  }

  /** One pass at a time. One that fails is as good as none: the next one tries again. */
  function trim(needed: number): Promise<void> {
    running ??= pass(needed)
      .catch((error: unknown) => {
        inVainUntilMs = Date.now() + IN_VAIN_MS;
        const message = `The event log could not be trimmed: ${(error as Error).message}`;
        if (!closed) warn('trimming', { err: error }, message);
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  }

  const intervalMs = Math.max(
    SHORTEST_INTERVAL_MS,
    Math.min((retentionMs ?? LONGEST_INTERVAL_MS) / 10, LONGEST_INTERVAL_MS),
  );
  const bounded = retentionMs !== undefined || retentionBytes < Number.POSITIVE_INFINITY;
  const timer = bounded ? setInterval(() => void trim(slack), intervalMs).unref() : undefined;

  return {
    async makeRoom(bytes) {
      const fits = () => file.size().bytes + bytes <= retentionBytes;
      if (retentionBytes === Number.POSITIVE_INFINITY) return undefined;
      if (fits()) {
        if (file.size().bytes + slack / 2 > retentionBytes && Date.now() >= inVainUntilMs) void trim(slack);
        return undefined;
      }
      await running;
      if (!fits()) await trim(bytes + slack);
      if (fits()) return undefined;
      warnOfUnread(bytes);
      const limit = Math.round(retentionBytes / MIB);
      return new LogUnavailableError(
        'full',
        `The event log has reached its limit of ${limit} MiB, and what is in it is not read yet`,
      );
    },

    async close() {
      closed = true;
      clearInterval(timer);
      await running;
    },
  };
}
