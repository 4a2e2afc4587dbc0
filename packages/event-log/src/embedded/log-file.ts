import { randomUUID } from 'node:crypto';
import { access, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { LogSetupError, LogUnavailableError, type TopicSpec } from '../event-log.ts';
import { checkDataFile } from './check-data-file.ts';
import { type Chunk, chunkKey, decodeChunk, offsetOfKey, timeOfChunk } from './chunk.ts';

/** What a transaction puts into the file. */
export interface Writes {
  chunks: readonly { key: Buffer; chunk: Buffer }[];
  /** Positions of groups, by `positionKey`. */
  positions: ReadonlyMap<string, number>;
  /** Keys of chunks that go. */
  removed?: readonly Buffer[];
  /** Keys of positions that go. */
  forgotten?: readonly string[];
}

/** Of what LMDB tells of a database, what is used here; the types of lmdb do not name it. */
interface DatabaseStats {
  pageSize: number;
  treeBranchPageCount: number;
  treeLeafPageCount: number;
  overflowPages: number;
  entryCount: number;
}

/** The same with what it tells of the whole file. */
interface FileStats extends DatabaseStats {
  root: DatabaseStats;
  free: DatabaseStats;
  lastPageNumber: number;
}

const pagesOf = ({ treeBranchPageCount, treeLeafPageCount, overflowPages }: DatabaseStats): number =>
  treeBranchPageCount + treeLeafPageCount + overflowPages;

export interface StoredTopic {
  id: number;
  partitions: number;
}

/** The LMDB environment of a log: what is in it, and how it is read and written. Knows nothing of appends and groups. */
export interface LogFile {
  readonly id: string;
  readonly topics: ReadonlyMap<string, StoredTopic>;
  /** Everything or nothing; resolves when it is on disk. Rejects with `LogUnavailableError`. One after the other. */
  write(writes: Writes): Promise<void>;
  /** The chunk that begins last at or before the offset, or else the first after it. `LogSetupError` if it is damaged. */
  readChunk(topicId: number, partition: number, offset: number): Chunk | undefined;
  /** The last chunk of a partition. */
  lastChunk(topicId: number, partition: number): Chunk | undefined;
  /** Keys of the chunks of a partition that begin at or before the offset, in order from the first one. */
  chunkKeys(topicId: number, partition: number, range: { upTo: number; limit: number }): Buffer[];
  /** The log's time of a chunk, from its head alone; NaN if there is no such chunk, or it has no head. */
  chunkTimeMs(key: Buffer): number;
  /** Bytes of the file that hold chunks, and how many. The file is larger: the room of what was removed is used again. */
  size(): { bytes: number; chunks: number };
  /** Bytes of the file that hold nothing, and are used before it grows. */
  freeBytes(): number;
  positions(): Map<string, number>;
  close(): Promise<void>;
}

const FORMAT = 1;
const NO_SPACE = new Set([28 /* ENOSPC */, 122 /* EDQUOT on Linux */, 69 /* EDQUOT on macOS */, -30792 /* MAP_FULL */]);
/** What LMDB finds wrong with its own pages: not found, corrupted, panic, invalid, cursor full, bad transaction, bad size. */
const DAMAGE = new Set([-30797, -30796, -30795, -30793, -30787, -30782, -30781]);
/** At the beginning of the file. */
const HEAD_PAGES = 2;
const LITTLE_ROOM = 16 * 1024 * 1024;

export const positionKey = (group: string, topicId: number, partition: number): string =>
  `${topicId}/${partition}/${group}`;

/** The code of what lmdb rejected with: the cause of a failed commit comes in a promise beside it. */
async function errorCode(error: unknown): Promise<number | undefined> {
  const { code, commitError } = error as { code?: number; commitError?: Promise<never> };
  if (code !== undefined || !commitError) return code;
  return commitError.catch((cause: { code?: number }) => cause.code);
}

function readTopics(meta: Database<unknown, string>, folder: string, wanted: readonly TopicSpec[]) {
  const topics = new Map<string, StoredTopic>(
    Object.entries((meta.get('topics') ?? {}) as Record<string, StoredTopic>),
  );
  let changed = false;
  for (const { name, partitions } of wanted) {
    const known = topics.get(name);
    if (known && known.partitions !== partitions) {
      const message = `The topic ${name} of the event log in ${folder} has ${known.partitions} partitions, and cannot be given ${partitions}: the order of what is in it would be lost`;
      throw new LogSetupError(message);
    }
    if (known) continue;
    if (!Number.isInteger(partitions) || partitions < 1) {
      throw new LogSetupError(`The topic ${name} needs at least one partition, not ${partitions}`);
    }
    topics.set(name, { id: topics.size + 1, partitions });
    changed = true;
  }
  return { topics, changed };
}

/** Whether there is hardly any room left: LMDB tells a page that was written in part as an input/output error. */
async function diskIsFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < LITTLE_ROOM;
}

/**
 * Without `overlappingSync` a commit becomes visible, and its promise resolves, only after both of LMDB's syncs. With
 * `eventTurnBatching` a commit that fails would reject, besides the promise of the batch, one that nobody can reach.
 */
function openEnvironment(folder: string, readOnly: boolean): RootDatabase<unknown, string> {
  const options = { noSubdir: false, overlappingSync: false, eventTurnBatching: false, maxDbs: 3 };
  try {
    return open<unknown, string>({ path: folder, readOnly, ...options });
  } catch (error) {
    const message = `The event log in ${folder} cannot be opened: ${(error as Error).message}`;
    throw new LogSetupError(message, { cause: error });
  }
}

/** What LMDB finds wrong with its own pages, as a sentence; any other error as it is. */
function tellDamage(folder: string, error: unknown): unknown {
  const { code, message } = error as { code?: number; message: string };
  if (code === undefined || !DAMAGE.has(code)) return error;
  return new LogSetupError(`The event log in ${folder} is damaged (${message}): restore it, or move it away`, {
    cause: error,
  });
}

/**
 * Opens the file, or makes it. The folder must be locked.
 * @throws LogSetupError if it is of another format, or damaged, or a topic has another number of partitions
 */
export async function openLogFile(folder: string, wanted: readonly TopicSpec[]): Promise<LogFile> {
  await checkDataFile(folder);
  return openIn(folder, openEnvironment(folder, false), wanted);
}

/**
 * Opens the file to look at it, also while another process holds the folder and writes. What is read is what is on disk.
 * @throws LogSetupError if there is none, or it is of another format, or damaged
 */
export async function lookAtLogFile(folder: string): Promise<LogFile> {
  await access(join(folder, 'data.mdb')).catch((error: Error) => {
    throw new LogSetupError(`There is no event log in ${folder} that can be read: ${error.message}`, { cause: error });
  });
  return openIn(folder, openEnvironment(folder, true), []);
}

async function openIn(
  folder: string,
  root: RootDatabase<unknown, string>,
  wanted: readonly TopicSpec[],
): Promise<LogFile> {
  try {
    return await openDatabases(root, folder, wanted);
  } catch (error) {
    await root.close();
    throw tellDamage(folder, error);
  }
}

/** What the log has noted of itself, all of it or, where it is new, nothing. */
function readHead(meta: Database<unknown, string>, folder: string): { id: string; isNew: boolean } {
  const [format, id, topics] = ['format', 'id', 'topics'].map((key) => meta.get(key));
  if (format === undefined && id === undefined && topics === undefined) return { id: randomUUID(), isNew: true };
  if (format !== undefined && format !== FORMAT) {
    throw new LogSetupError(`The event log in ${folder} was made by another version of Wayline (format ${format})`);
  }
  if (typeof id === 'string' && topics !== undefined && format !== undefined) return { id, isNew: false };
  throw new LogSetupError(`The event log in ${folder} is damaged (it lacks its id): restore it, or move it away`);
}

async function openDatabases(
  root: RootDatabase<unknown, string>,
  folder: string,
  wanted: readonly TopicSpec[],
): Promise<LogFile> {
  const meta = root.openDB<unknown, string>('meta', { encoding: 'json' });
  const data = root.openDB<Buffer, Buffer>('data', { encoding: 'binary', keyEncoding: 'binary' });
  const groups = root.openDB<number, string>('positions', { encoding: 'json' });

  let last: Promise<unknown> = Promise.resolve();
  const commit = (put: () => void): Promise<void> => {
    const done = last.then(() => commitNow(put));
    last = done.catch(() => {});
    return done;
  };

  async function commitNow(put: () => void): Promise<void> {
    try {
      await root.batch(put);
    } catch (error) {
      const code = await errorCode(error);
      const full = (code !== undefined && NO_SPACE.has(code)) || (await diskIsFull(folder));
      const message = full
        ? `There is no room left on disk for the event log in ${folder}`
        : `The event log in ${folder} could not be written: ${(error as Error).message} (${code})`;
      throw new LogUnavailableError(full ? 'full' : 'unavailable', message, { cause: error });
    }
  }

  function read(key: Buffer): Chunk | undefined {
    const found = data.getBinaryFast(key); // valid until the next read only
    if (!found) return undefined;
    const chunk = decodeChunk(key, Buffer.copyBytesFrom(found, 0, found.length));
    if (chunk) return chunk;
    const [topicId, partition] = [key.readUInt32BE(0), key.readUInt32BE(4)];
    const topic = [...topics].find(([, { id }]) => id === topicId)?.[0];
    const message = `The event log in ${folder} is damaged: the records of ${topic}, partition ${partition}, from offset ${offsetOfKey(key)} on, are not as they were written`;
    throw new LogSetupError(message);
  }

  /** The key of the last chunk that begins at or before the offset, or else of the first after it. */
  function findKey(topicId: number, partition: number, offset: number): Buffer | undefined {
    const start = chunkKey(topicId, partition, offset);
    for (const reverse of [true, false]) {
      for (const found of data.getKeys({ start, reverse, limit: 1 })) {
        const key = Buffer.from(found);
        if (key.compare(start, 0, 8, 0, 8) === 0) return key; // of the same topic and partition
      }
    }
    return undefined;
  }

  function reading<T>(look: () => T): T {
    try {
      return look();
    } catch (error) {
      throw tellDamage(folder, error);
    }
  }

  const { id, isNew } = readHead(meta, folder);
  const [firstKey] = data.getKeys({ limit: 1 });
  if (isNew && firstKey) {
    throw new LogSetupError(`The event log in ${folder} is damaged (it lacks its id): restore it, or move it away`);
  }
  const { topics, changed } = readTopics(meta, folder, wanted);
  if (changed || isNew) {
    await commit(() => {
      void meta.put('format', FORMAT);
      void meta.put('id', id);
      void meta.put('topics', Object.fromEntries(topics));
    });
  }
  return {
    id,
    topics,
    write: ({ chunks, positions, removed = [], forgotten = [] }) =>
      commit(() => {
        for (const key of removed) void data.remove(key);
        for (const key of forgotten) void groups.remove(key);
        for (const { key, chunk } of chunks) void data.put(key, chunk);
        for (const [key, offset] of positions) void groups.put(key, offset);
      }),
    readChunk: (topicId, partition, offset) =>
      reading(() => {
        const exact = read(chunkKey(topicId, partition, offset)); // chunks are adjacent: mostly it begins there
        if (exact) return exact;
        const key = findKey(topicId, partition, offset);
        return key && read(key);
      }),
    lastChunk: (topicId, partition) =>
      reading(() => {
        const key = findKey(topicId, partition, Number.MAX_SAFE_INTEGER);
        return key && read(key);
      }),
    chunkKeys: (topicId, partition, { upTo, limit }) =>
      reading(() => {
        const range = { start: chunkKey(topicId, partition, 0), end: chunkKey(topicId, partition, upTo + 1), limit };
        return [...data.getKeys(range)].map((key) => Buffer.from(key));
      }),
    chunkTimeMs: (key) => reading(() => timeOfChunk(data.getBinaryFast(key))),
    size() {
      const stats = data.getStats() as DatabaseStats;
      return { bytes: pagesOf(stats) * stats.pageSize, chunks: stats.entryCount };
    },
    freeBytes() {
      const stats = data.getStats() as FileStats;
      const others = [stats.root, stats.free, meta.getStats() as DatabaseStats, groups.getStats() as DatabaseStats];
      const used = HEAD_PAGES + [stats, ...others].reduce((sum, one) => sum + pagesOf(one), 0);
      return Math.max(0, stats.lastPageNumber + 1 - used) * stats.pageSize;
    },
    positions: () => reading(() => new Map([...groups.getRange()].map(({ key, value }) => [key, value]))),
    close: () => root.close(),
  };
}
