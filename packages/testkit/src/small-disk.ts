import { execFile } from 'node:child_process';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ProcessOptions, startProcess, type TestProcess } from './process.ts';

const run = promisify(execFile);

// A namespace of users lets anybody mount; where there are none, root can. Nothing outside of it sees the disk.
const WAYS = [
  ['--user', '--map-root-user', '--mount'],
  ['--mount', '--propagation', 'private'],
] as const;
const MOUNT = 'mount -t tmpfs -o "size=$1,mode=700" tmpfs "$2" && shift 2 && exec "$@"';
const BALLAST = 'ballast';

/** A program that finds a folder on a small disk of its own, which can be filled. */
export interface SmallDisk {
  process: TestProcess;
  /** Takes so many bytes of the disk, beside what the program writes. */
  occupy(bytes: number): Promise<void>;
  /** Takes all that is left of it. */
  fill(): Promise<void>;
  /** Gives back what was taken. */
  release(): Promise<void>;
}

const inNamespace = (way: readonly string[], bytes: number, folder: string): string[] => {
  return [...way, 'sh', '-c', MOUNT, 'small-disk', String(bytes), folder];
};

async function wayToMount(): Promise<readonly string[] | undefined> {
  for (const way of WAYS) {
    const works = await run('unshare', [...inNamespace(way, 4096, '/mnt'), 'true']).then(
      () => true,
      () => false,
    );
    if (works) return way;
  }
  return undefined;
}

/** Whether small disks can be had here: on Linux, for root or where anybody may make namespaces of users. */
export async function smallDisksPossible(): Promise<boolean> {
  return (await wayToMount()) !== undefined;
}

const CHUNKS = [1024 * 1024, 4096].map((bytes) => Buffer.alloc(bytes));

async function fillUp(file: string): Promise<void> {
  const handle = await open(file, 'a');
  try {
    for (const chunk of CHUNKS) {
      for (let fits = true; fits; ) {
        fits = await handle.write(chunk).then(
          ({ bytesWritten }) => bytesWritten === chunk.length,
          (error: NodeJS.ErrnoException) => {
            if (error.code === 'ENOSPC') return false;
            throw error;
          },
        );
      }
    }
  } finally {
    await handle.close();
  }
}

/**
 * Starts a program in whose eyes a folder, which must be there, is a disk of so many bytes, empty; it goes with the program.
 * @throws where that is not possible
 */
export async function startOnSmallDisk(
  disk: { folder: string; bytes: number },
  command: readonly [string, ...string[]],
  options?: ProcessOptions,
): Promise<SmallDisk> {
  const way = await wayToMount();
  if (!way) throw new Error('A small disk needs Linux, and root or namespaces of users');
  const process = startProcess('unshare', [...inNamespace(way, disk.bytes, disk.folder), ...command], options);
  const ballast = join(`/proc/${process.pid}/root`, disk.folder, BALLAST);
  return {
    process,
    occupy: (bytes) => writeFile(ballast, Buffer.alloc(bytes)),
    fill: () => fillUp(ballast),
    release: () => rm(ballast, { force: true }),
  };
}
