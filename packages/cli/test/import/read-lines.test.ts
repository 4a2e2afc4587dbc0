import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readLines } from '../../src/import/read-lines.ts';

async function read(chunks: readonly Buffer[], maxBytes = 1000) {
  async function* source() {
    yield* chunks;
  }
  const lines: { number: number; text: string; cut: boolean }[] = [];
  for await (const block of readLines(source(), { maxBytes })) {
    for (const { number, bytes, cut } of block) lines.push({ number, text: bytes.toString('latin1'), cut });
  }
  return lines;
}

/** The text in chunks of the given lengths. */
function inChunks(text: string, lengths: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const chunks: Buffer[] = [];
  let from = 0;
  for (const length of lengths) {
    chunks.push(Buffer.from(bytes.subarray(from, from + length)));
    from += length;
  }
  return [...chunks, bytes.subarray(from)];
}

describe('reading lines', () => {
  test('numbers them as an editor does, without empty ones, with LF or CR LF, and a last one without either', async () => {
    const text = '\xef\xbb\xbfone\n\ntwo\r\n\r\nthree\rstill three\nlast';
    expect(await read([Buffer.from(text, 'latin1')])).toEqual([
      { number: 1, text: 'one', cut: false },
      { number: 3, text: 'two', cut: false },
      { number: 5, text: 'three\rstill three', cut: false },
      { number: 6, text: 'last', cut: false },
    ]);
  });

  test('gives the same lines wherever the chunks are cut, and the beginning of those that are too long', async () => {
    const text = fc.array(fc.constantFrom('a', 'b', '\n', '\r', '\r\n', 'longer'), { maxLength: 80 });
    const lengths = fc.array(fc.nat(9), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(text, lengths, async (parts, cuts) => {
        const whole = parts.join('');
        const expected = whole.split('\n').flatMap((line, index) => {
          const cut = line.length > 10;
          const text = cut ? line.slice(0, 10) : line.replace(/\r$/, '');
          return text === '' ? [] : [{ number: index + 1, text, cut }];
        });
        expect(await read(inChunks(whole, cuts), 10)).toEqual(expected);
      }),
    );
  });
});
