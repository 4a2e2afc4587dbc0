import { access, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kafkaClassPath, kafkaFolder, kafkaJarFolder } from './kafka-jars.ts';
import { withFolderLock } from './kafka-lock.ts';

const LOCK_PATIENCE_MS = 120_000;

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * JVM options with which a broker starts on well under half the CPU: its classes come parsed from an archive, which is
 * made once for a set of jars. `record` runs and ends a broker with the options that it is given, and must not end it by
 * SIGKILL. A JVM that cannot make such an archive, or read this one, goes without.
 */
export async function sharedClasses(record: (jvm: readonly string[]) => Promise<void>): Promise<readonly string[]> {
  await kafkaClassPath(); // copies the jars, if need be
  const archive = `${await kafkaJarFolder()}.jsa`;
  if (!(await exists(archive))) {
    await withFolderLock(join(kafkaFolder(), 'target', 'lock-classes'), LOCK_PATIENCE_MS, async () => {
      if (await exists(archive)) return;
      const partial = `${archive}.partial`;
      await rm(partial, { force: true });
      await record([`-XX:ArchiveClassesAtExit=${partial}`]);
      if (!(await exists(partial))) await writeFile(partial, ''); // so that it is not tried again each time
      await rename(partial, archive);
    });
  }
  return (await stat(archive)).size > 0 ? [`-XX:SharedArchiveFile=${archive}`, '-Xshare:auto'] : [];
}
