import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** True while a process of that id runs. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Does the work while no other process holds the folder `path` as a lock; that of a dead process is taken over. */
export async function withFolderLock<T>(path: string, patienceMs: number, work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (let unowned = 0; ; ) {
    const made = await mkdir(path).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (made) break;
    const owner = await readFile(join(path, 'pid'), 'utf8').catch(() => '');
    unowned = owner ? 0 : unowned + 1; // its maker may not have written its pid yet; 2 s is long enough
    if (owner ? !isProcessAlive(Number(owner)) : unowned > 20) await rm(path, { recursive: true, force: true });
    if (Date.now() > deadline) throw new Error(`The lock ${path} is held by process ${owner} for too long`);
    await sleep(100);
  }
  try {
    await writeFile(join(path, 'pid'), String(process.pid));
    return await work();
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}
