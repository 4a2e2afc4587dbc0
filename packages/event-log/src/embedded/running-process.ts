import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What tells one process from all others that had, or will have, its id. Unknown parts are ''. */
export interface ProcessIdentity {
  pid: number;
  startedAt: string;
  bootId: string;
  /** Ids mean something only within it: a container has its own. */
  pidNamespace: string;
}

/** When a process began, as the system tells it; undefined if none of that id runs (a zombie does not). */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === 'linux') {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name in brackets may hold anything
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    }
    if (process.platform === 'win32') {
      process.kill(pid, 0);
      return '';
    }
    return (await run('ps', ['-o', 'lstart=', '-p', String(pid)])).stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Who we are, for others to look for. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  return {
    pid: process.pid,
    startedAt: (await startOf(process.pid)) ?? '',
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim(),
    pidNamespace: await readlink('/proc/self/ns/pid').catch(() => ''),
  };
}

/** Whether that very process runs; `unknown` if it lives, if it does, where we cannot see it. */
export async function isRunning(other: ProcessIdentity, self: ProcessIdentity): Promise<boolean | 'unknown'> {
  if (other.bootId !== self.bootId) return false;
  if (other.pidNamespace !== self.pidNamespace) return 'unknown';
  return (await startOf(other.pid)) === other.startedAt;
}
