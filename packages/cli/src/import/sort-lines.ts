import { mergeSorted } from './merge-sorted.ts';
import { openSpoolFile, type SpoolFile, type SpoolRange } from './spool-file.ts';

export interface SortOptions {
  /** Where the spool file is made, if the input does not fit into memory. */
  folder: string;
  /** About how much memory the lines may take. Default 32 MiB. */
  memoryBytes?: number;
  /** How many runs are merged at once; at least 2. Default 64. */
  maxRuns?: number;
  signal?: AbortSignal;
}

const BLOCK_LINES = 1000;
/** What a string takes beside its characters, which are taken for two bytes each. */
const STRING_BYTES = 48;

/**
 * Sorts lines (well-formed text without a line end) by their code units: an external merge sort, whose memory is
 * bounded, however many lines there are.
 * @throws ImportError if the disk refuses
 */
export async function* sortLines(
  blocks: AsyncIterable<string[]>,
  { folder, memoryBytes = 32 * 1024 * 1024, maxRuns = 64, signal }: SortOptions,
): AsyncGenerator<string[]> {
  let spool: SpoolFile | undefined;
  let runs: SpoolRange[] = [];
  let lines: string[] = [];
  let bytes = 0;
  try {
    for await (const block of blocks) {
      signal?.throwIfAborted();
      for (const line of block) {
        lines.push(line);
        bytes += 2 * line.length + STRING_BYTES;
        if (bytes < memoryBytes) continue;
        spool ??= await openSpoolFile(folder);
        runs.push(await spool.append([lines.sort()]));
        lines = [];
        bytes = 0;
      }
    }
    lines.sort();
    if (!spool) {
      for (let i = 0; i < lines.length; i += BLOCK_LINES) yield lines.slice(i, i + BLOCK_LINES);
      return;
    }
    if (lines.length > 0) runs.push(await spool.append([lines]));
    lines = [];
    while (runs.length > maxRuns) {
      const merged: SpoolFile = await openSpoolFile(folder);
      const [before, parts] = [spool, runs];
      spool = merged;
      runs = [];
      try {
        for (let i = 0; i < parts.length; i += maxRuns) {
          signal?.throwIfAborted();
          const sources = parts.slice(i, i + maxRuns).map((part) => before.read(part));
          runs.push(await merged.append(mergeSorted(sources)));
        }
      } finally {
        await before.close();
      }
    }
    const whole = spool;
    yield* mergeSorted(runs.map((run) => whole.read(run)));
  } finally {
    await spool?.close();
  }
}
