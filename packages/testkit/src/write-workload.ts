import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { generateEvents, type WorkloadOptions } from './workload.ts';

const BLOCK_CHARACTERS = 1 << 18;

function* blocks(lines: Iterable<string>): Generator<string, void, undefined> {
  let block = '';
  for (const line of lines) {
    block += `${line}\n`;
    if (block.length < BLOCK_CHARACTERS) continue;
    yield block;
    block = '';
  }
  if (block) yield block;
}

/** Writes a workload as NDJSON, no faster than the reader takes it. A reader that goes away (`| head`) ends it quietly. */
export async function writeWorkload(output: Writable, options: WorkloadOptions): Promise<void> {
  try {
    await pipeline(Readable.from(blocks(generateEvents(options))), output, { end: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}
