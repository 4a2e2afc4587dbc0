import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { runWayline, startProcess } from '@wayline/testkit';
import { KNOWN_BUGS, type PlantedBug } from '../src/bugs/known-bugs.ts';
import { type ProgramCopy, plantBug } from '../src/bugs/plant-bug.ts';

let copy: ProgramCopy | undefined;
afterEach(async () => {
  await copy?.remove();
  copy = undefined;
});

const rootOf = ({ program }: ProgramCopy): string => join(program, '../../../..');

test.each(KNOWN_BUGS)('$name: the text that it takes the place of is there once, and the copy runs', async (bug) => {
  copy = await plantBug(bug);
  const planted = await readFile(join(rootOf(copy), bug.file), 'utf8');
  expect(planted).not.toBe(await readFile(join(import.meta.dirname, '../../..', bug.file), 'utf8'));
  const run = startProcess(process.execPath, [copy.program, '--version']);
  expect(await run.exited).toEqual({ code: 0, signal: null });
  expect(run.stdout.join('\n')).toBe((await runWayline(['--version'])).stdout);
});

test('a bug whose text is not there any more is told, and nothing is left behind', async () => {
  const [known] = KNOWN_BUGS as [PlantedBug];
  const gone = { ...known, find: /never written like this/ };
  await expect(plantBug(gone)).rejects.toThrow(/cannot be planted: .* is found 0 times, not once/);
});

test('the copy goes when it is removed', async () => {
  const [known] = KNOWN_BUGS as [PlantedBug];
  const { program, remove } = await plantBug(known);
  await access(program);
  await remove();
  await expect(access(program)).rejects.toThrow('ENOENT');
});
