import { execFile } from 'node:child_process';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NO_CACHE = ['oflag=nocache', 'conv=notrunc,nocreat,fdatasync', 'count=0', 'status=none'];

/**
 * Takes the log files that a broker has open out of the page cache, synced before: gigabytes of loads that are over make those that
 * follow slower where a virtual machine's host has yet to find the memory. Needs Linux and GNU dd; elsewhere they stay.
 */
export async function forgetLogFiles(pid: number | undefined): Promise<void> {
  const folder = `/proc/${pid}/fd`;
  const open = await readdir(folder).catch(() => []);
  const files = await Promise.all(open.map((fd) => readlink(join(folder, fd)).catch(() => '')));
  for (const file of new Set(files)) {
    if (file.endsWith('.log')) await run('dd', [`of=${file}`, ...NO_CACHE]).catch(() => undefined);
  }
}
