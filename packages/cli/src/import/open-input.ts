import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { messageOf, UsageError } from '../errors.ts';
import { ImportError } from './import-event.ts';

/** What is imported: a file by its path, or a stream such as stdin. */
export type ImportInput = string | Readable;

export interface OpenInput {
  /** The bytes; inflated if they were gzip, by the magic number and not by a name. */
  chunks: AsyncGenerator<Buffer>;
  /** How much was read so far, as a share of the whole; undefined where the whole is not known. */
  share(): number | undefined;
}

const READ_BYTES = 256 * 1024;

/**
 * @param signal ends the reading when it is aborted, also while nothing comes
 * @throws UsageError if there is no such file; reading `chunks` throws ImportError if it fails on the way
 */
export async function openInput(input: ImportInput, signal: AbortSignal): Promise<OpenInput> {
  const name = typeof input === 'string' ? input : 'The input';
  const size = typeof input === 'string' ? await sizeOf(input) : 0;
  let bytesRead = 0;

  async function* raw(): AsyncGenerator<Buffer> {
    const source = typeof input === 'string' ? createReadStream(input, { highWaterMark: READ_BYTES }) : input;
    addAbortSignal(signal, source);
    try {
      for await (const chunk of source) {
        const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
        bytesRead += bytes.length;
        yield bytes;
      }
    } catch (error) {
      throw new ImportError(`${name} could not be read to its end: ${messageOf(error)}.`);
    }
  }
  return {
    chunks: inflated(raw(), name),
    share: () => (size > 0 ? Math.min(1, bytesRead / size) : undefined),
  };
}

async function sizeOf(path: string): Promise<number> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new UsageError(`${path} cannot be imported: ${why}.`);
  });
  if (found.isDirectory()) throw new UsageError(`${path} cannot be imported: it is a folder; name a file in it.`);
  return found.size;
}

async function* inflated(raw: AsyncGenerator<Buffer>, name: string): AsyncGenerator<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const { value, done } = await raw.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    yield* raw;
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* whole();
    return;
  }
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  const feeding = pipeline(Readable.from(whole()), gunzip);
  feeding.catch(() => {}); // it is told by the reading below
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (error) {
    if (error instanceof ImportError) throw error;
    throw new ImportError(`${name} is gzip, but damaged or cut off: ${messageOf(error)}.`);
  }
}
