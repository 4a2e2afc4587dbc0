import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { LogSetupError } from '../event-log.ts';

const MAGIC = 0xbeefc0de;
/** Of a head: bytes from the start of its page (lmdb's own, in its `mdb.c`, on 64 bits). */
const HEAD = { magic: 24, mapBytes: 40, pageBytes: 48, lastPage: 144, transaction: 152, end: 168 };

interface Head {
  transaction: bigint;
  mapBytes: bigint;
  pageBytes: bigint;
  /** What the file would hold with all its pages. */
  fileBytes: bigint;
}

/** The head of the file at a place, or undefined if there is none. */
async function readHead(file: FileHandle, at: number): Promise<Head | undefined> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(HEAD.end), 0, HEAD.end, at);
  if (bytesRead < HEAD.end || buffer.readUInt32LE(HEAD.magic) !== MAGIC) return undefined;
  const pageBytes = BigInt(buffer.readUInt32LE(HEAD.pageBytes));
  return {
    transaction: buffer.readBigUInt64LE(HEAD.transaction),
    mapBytes: buffer.readBigUInt64LE(HEAD.mapBytes),
    pageBytes,
    fileBytes: (buffer.readBigUInt64LE(HEAD.lastPage) + 1n) * pageBytes,
  };
}

/**
 * LMDB maps whatever is there: what is no environment of its own, or is cut short, would end the process without a word.
 * Pages that are missing at the end are made, empty: most often they were free, and otherwise reading tells the damage.
 * @throws LogSetupError if the file is none of LMDB's, or cannot be opened
 */
export async function checkDataFile(folder: string): Promise<void> {
  const path = join(folder, 'data.mdb');
  const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new LogSetupError(`The event log in ${folder} cannot be opened: ${error.message}`, { cause: error });
  });
  if (!file) return;
  try {
    const { size } = await file.stat();
    if (size === 0) return;
    const first = await readHead(file, 0);
    const second = first && (await readHead(file, Number(first.pageBytes)));
    if (!first || !second) {
      throw new LogSetupError(`The file ${path} is no event log, or is damaged: restore it, or move it away`);
    }
    const newest = second.transaction > first.transaction ? second : first;
    if (newest.fileBytes > newest.mapBytes) {
      throw new LogSetupError(`The file ${path} is damaged: restore it, or move it away`);
    }
    if (newest.fileBytes > size) await file.truncate(Number(newest.fileBytes));
  } finally {
    await file.close();
  }
}
