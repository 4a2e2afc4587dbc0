import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withFolderLock } from './kafka-lock.ts';

const run = promisify(execFile);

/** `packages/testkit/kafka`, from `src/` as from `dist/`. */
export const kafkaFolder = (): string => join(import.meta.dirname, '..', 'kafka');

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Where the jars of `pom.xml` are, or will be: a change of the pom gives another folder. */
export async function kafkaJarFolder(): Promise<string> {
  const pom = await readFile(join(kafkaFolder(), 'pom.xml'));
  return join(kafkaFolder(), 'target', `jars-${createHash('sha256').update(pom).digest('hex').slice(0, 12)}`);
}

/** True if the jars are here already, so that neither Maven nor the network is needed. */
export const kafkaJarsPresent = async (): Promise<boolean> => exists(await kafkaJarFolder());

/** The broker's class path; copies the jars from Maven Central first where they are missing (54 MB, once). */
export async function kafkaClassPath(): Promise<string> {
  const folder = await kafkaJarFolder();
  if (!(await exists(folder))) {
    await mkdir(join(kafkaFolder(), 'target'), { recursive: true });
    await withFolderLock(join(kafkaFolder(), 'target', 'lock'), 300_000, async () => {
      if (await exists(folder)) return;
      const partial = `${folder}.partial`;
      await rm(partial, { recursive: true, force: true });
      const args = ['-q', '-B', '-f', join(kafkaFolder(), 'pom.xml'), 'dependency:copy-dependencies'];
      await run('mvn', [...args, `-DoutputDirectory=${partial}`], { timeout: 280_000 });
      await rename(partial, folder);
    });
  }
  return join(folder, '*');
}
