import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PlantedBug } from './known-bugs.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const NOT_COPIED = new Set(['src', 'test', 'node_modules']);
/** No part of the program; testkit alone holds a hundred megabytes of Kafka. */
const NO_PART = new Set(['bench', 'faults', 'fuzz', 'testkit']);
const SCOPE = '@wayline';

export interface ProgramCopy {
  /** The copy's `wayline.js`. */
  program: string;
  remove(): Promise<void>;
}

/**
 * Copies the built program, and puts the bug in. The packages of others are those of the repository.
 * @throws where the text that the bug takes the place of is not there once
 */
export async function plantBug(bug: PlantedBug): Promise<ProgramCopy> {
  const root = await mkdtemp(join(tmpdir(), 'wayline-faults-bug-'));
  const remove = () => rm(root, { recursive: true, force: true });
  try {
    await copyProgram(root);
    await replaceIn(join(root, bug.file), bug);
  } catch (error) {
    await remove();
    throw error;
  }
  return { program: join(root, 'packages/cli/bin/wayline.js'), remove };
}

async function copyProgram(root: string): Promise<void> {
  const scope = join(root, 'node_modules', SCOPE);
  await mkdir(scope, { recursive: true });
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name !== SCOPE) await symlink(join(ROOT, 'node_modules', name), join(root, 'node_modules', name));
  }
  for (const name of await readdir(join(ROOT, 'packages'))) {
    if (NO_PART.has(name)) continue;
    const from = join(ROOT, 'packages', name);
    const top = (path: string): string => path.slice(from.length + 1).split('/')[0] ?? '';
    await cp(from, join(root, 'packages', name), { recursive: true, filter: (path) => !NOT_COPIED.has(top(path)) });
    await symlink(join(root, 'packages', name), join(scope, name));
  }
  await cp(join(ROOT, 'migrations'), join(root, 'migrations'), { recursive: true });
}

async function replaceIn(file: string, { name, find, replacement }: PlantedBug): Promise<void> {
  const text = await readFile(file, 'utf8');
  const found = text.match(new RegExp(find.source, 'g'))?.length ?? 0;
  if (found !== 1) {
    throw new Error(`The bug ${name} cannot be planted: in ${file} ${find} is found ${found} times, not once`);
  }
  await writeFile(file, text.replace(find, replacement));
}
