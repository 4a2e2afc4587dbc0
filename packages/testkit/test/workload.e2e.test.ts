import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { startProcess } from '../src/process.ts';

const PROGRAM = fileURLToPath(new URL('../bin/generate-workload.js', import.meta.url));

test('the program writes a million events, the same bytes on every machine', async () => {
  const program = spawn(process.execPath, [PROGRAM, '--count', '1000000', '--hours', '2'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const hash = createHash('sha256');
  program.stdout.on('data', (chunk: Buffer) => hash.update(chunk));
  expect(await once(program, 'close')).toEqual([0, null]);
  expect(hash.digest('hex')).toBe('c31d26d1f9a89bfa4227d8629846f0d2325bca0626e6312bbf55f21ada399d1f');
}, 120_000);

test('a reader that goes away ends the program quietly', async () => {
  const program = startProcess('sh', ['-c', '"$0" "$1" --count 100000 | head -1', process.execPath, PROGRAM]);
  expect(await program.exited).toEqual({ code: 0, signal: null });
  expect(program.stdout.length).toBe(1);
  expect(program.stderr).toEqual([]);
});

test.each([
  [['--count', 'many'], '--count must be a number, which "many" is not.'],
  [['--start', 'soon'], '--start must be a time, which "soon" is not.'],
  [['--sed', '1'], "Unknown option '--sed'"],
])('wrong usage is told in a sentence, with code 2: %j', async (args, sentence) => {
  const program = startProcess(process.execPath, [PROGRAM, ...args]);
  expect(await program.exited).toEqual({ code: 2, signal: null });
  expect(program.stderr.join('\n')).toContain(sentence);
});
