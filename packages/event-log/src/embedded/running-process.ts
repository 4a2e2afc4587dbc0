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

const PF_EXITING = 0x4; // linux/sched.h

interface Sighting {
  startedAt: string;
  /** Killed, or at its end: but a thread of it may still be writing. */
  ending: boolean;
}

/** A process as the system tells of it; undefined if none of that id runs (a zombie without threads does not). */
async function look(pid: number): Promise<Sighting | undefined> {
  try {
    if (process.platform === 'linux') {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name in brackets may hold anything
      const [state, flags, threads, startedAt] = [fields[0], Number(fields[6]), Number(fields[17]), fields[19] ?? ''];
      const dead = state === 'Z' || state === 'X';
      if (dead && threads <= 1) return undefined;
      return { startedAt, ending: dead || (flags & PF_EXITING) !== 0 };
    }
    if (process.platform === 'win32') {
      process.kill(pid, 0);
      return { startedAt: '', ending: false };
    }
    const startedAt = (await run('ps', ['-o', 'lstart=', '-p', String(pid)])).stdout.trim();
    return startedAt ? { startedAt, ending: false } : undefined;
  } catch {
    return undefined;
  }
}

/** Who we are, for others to look for. */
export async function ownIdentity(): Promise<ProcessIdentity> {
  return {
    pid: process.pid,
    startedAt: (await look(process.pid))?.startedAt ?? '',
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')).trim(),
    pidNamespace: await readlink('/proc/self/ns/pid').catch(() => ''),
  };
}

/** Whether that very process runs, or is just ending; `unknown` if it lives, if it does, where we cannot see it. */
export async function isRunning(
  other: ProcessIdentity,
  self: ProcessIdentity,
): Promise<boolean | 'ending' | 'unknown'> {
  if (other.bootId !== self.bootId) return false;
  if (other.pidNamespace !== self.pidNamespace) return 'unknown';
  const seen = await look(other.pid);
  if (seen?.startedAt !== other.startedAt) return false;
  return seen.ending ? 'ending' : true;
}
