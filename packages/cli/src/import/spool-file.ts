import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../errors.ts';
import { ImportError } from './import-event.ts';

/** A part of a spool file: what one `append` wrote. */
export interface SpoolRange {
  start: number;
  end: number;
}

/** Lines of well-formed text without LF, on disk for as long as it is open. */
export interface SpoolFile {
  append(blocks: Iterable<string[]> | AsyncIterable<string[]>): Promise<SpoolRange>;
  read(range: SpoolRange): AsyncGenerator<string[]>;
  close(): Promise<void>;
}

const WRITE_CHARACTERS = 256 * 1024;
const READ_BYTES = 64 * 1024;
const LF = 0x0a;

/**
 * Opens a file that has no name: it is removed from its folder at once, so that its disk space comes back however the
 * process ends.
 * @throws ImportError, as all that it does, if the disk refuses
 */
export async function openSpoolFile(folder: string): Promise<SpoolFile> {
  const path = join(folder, `import-${randomUUID()}.spool`);
  const failed = (error: unknown): never => {
    throw new ImportError(`Sorting the input in ${folder} failed: ${messageOf(error)}. Is there room on the disk?`);
  };
  const handle: FileHandle = await open(path, 'wx+', 0o600).catch(failed);
  // Where an open file cannot be removed, it is when it is closed.
  const removed = await unlink(path).then(
    () => true,
    () => false,
  );
  let size = 0;

  async function write(text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await handle.appendFile(bytes).catch(failed);
    size += bytes.length;
  }

  async function* chunks({ start, end }: SpoolRange): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, end - at));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at).catch(failed);
      if (bytesRead === 0) failed(new Error('the file is shorter than it was written'));
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  return {
    async append(blocks) {
      const start = size;
      let text = '';
      for await (const lines of blocks) {
        for (const line of lines) {
          text += `${line}\n`;
          if (text.length < WRITE_CHARACTERS) continue;
          await write(text);
          text = '';
        }
      }
      if (text) await write(text);
      return { start, end: size };
    },
    async *read(range) {
      let rest: Buffer = Buffer.alloc(0);
      for await (const chunk of chunks(range)) {
        const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
        const end = bytes.lastIndexOf(LF);
        rest = bytes.subarray(end + 1);
        if (end !== -1) yield bytes.toString('utf8', 0, end).split('\n');
      }
    },
    async close() {
      await handle.close();
      if (!removed) await unlink(path);
    },
  };
}
