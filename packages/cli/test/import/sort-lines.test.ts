import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type SortOptions, sortLines } from '../../src/import/sort-lines.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-sort-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function* blocksOf(lines: readonly string[], size = 7): AsyncGenerator<string[]> {
  for (let i = 0; i < lines.length; i += size) yield lines.slice(i, i + size);
}

async function sorted(lines: readonly string[], options: Partial<SortOptions> = {}): Promise<string[]> {
  const result: string[] = [];
  for await (const block of sortLines(blocksOf(lines), { folder, ...options })) result.push(...block);
  return result;
}

/** Holds about three lines, so that a hundred make runs enough for merges of merges. */
const TINY = { memoryBytes: 200, maxRuns: 3 };

describe('sorting on disk', () => {
  test('gives what sorting in memory gives, through several levels of merging', async () => {
    // A letter of each width in UTF-8; by code units a surrogate pair comes before the last one, by bytes after it.
    const letters = fc.constantFrom('a', 'b', 'é', '文', '😀', '\uffee', '\r', '\ufeff', '');
    const line = fc.array(letters, { maxLength: 12 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 100 }), async (lines) => {
        expect(await sorted(lines, TINY)).toEqual([...lines].sort());
      }),
      { numRuns: 60 },
    );
  });

  test('reads lines that are longer than what is read at once', async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `${(i * 7) % 20}-${'文'.repeat(50_000)}`);
    expect(await sorted(lines, TINY)).toEqual([...lines].sort());
  });

  test('leaves no file behind: not while it sorts, not when nobody reads on, not when the input fails', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => `line ${i}`);
    for await (const block of sortLines(blocksOf(lines), { folder, ...TINY })) {
      expect(block.length).toBeGreaterThan(0);
      expect(await readdir(folder)).toEqual([]);
      break;
    }
    async function* failing() {
      yield* blocksOf(lines);
      throw new Error('the input failed');
    }
    await expect(sortLines(failing(), { folder, ...TINY }).next()).rejects.toThrow('the input failed');
    expect(await readdir(folder)).toEqual([]);
  });

  test('touches no disk where the lines fit into memory', async () => {
    expect(await sorted(['b', 'a', 'c'], { folder: join(folder, 'none') })).toEqual(['a', 'b', 'c']);
    await expect(sorted(['b', 'a'], { folder: join(folder, 'none'), memoryBytes: 1 })).rejects.toThrow(
      /^Sorting the input in .* failed: ENOENT/,
    );
  });

  test('stops when it is told to', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(sorted(['b', 'a'], { signal })).rejects.toThrow('enough');
  });
});
