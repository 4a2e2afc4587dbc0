import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';

const MODULE = new URL('../dist/heap-growth.js', import.meta.url).href;

test('how far the heap grows is set by a name that this V8 knows', async () => {
  const program = `import(${JSON.stringify(MODULE)}).then(({ letHeapDouble }) => letHeapDouble())`;
  const { stderr } = await promisify(execFile)(process.execPath, ['--eval', program]);
  expect(stderr).toBe(''); // V8 only writes there of a flag that it does not know, and goes on
});
