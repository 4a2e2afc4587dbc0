import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface RunningProcess {
  /** Differs from that of any other process that had, or will have, the same id. Letters and digits. */
  startedAt: string;
  /** The command line, arguments separated by NUL on Linux, else by spaces. */
  command: string;
}

async function fromProc(pid: number): Promise<RunningProcess | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name in brackets may hold anything
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined; // ended, and not yet reaped
    return { startedAt: fields[19] ?? '', command: await readFile(`/proc/${pid}/cmdline`, 'utf8') };
  } catch {
    return undefined;
  }
}

async function fromPs(pid: number): Promise<RunningProcess | undefined> {
  try {
    const column = async (name: string) => (await run('ps', ['-ww', '-o', `${name}=`, '-p', `${pid}`])).stdout.trim();
    if ((await column('stat')).startsWith('Z')) return undefined;
    return { startedAt: (await column('lstart')).replaceAll(/\W/g, ''), command: await column('command') };
  } catch {
    return undefined;
  }
}

function fromSignal(pid: number): RunningProcess | undefined {
  try {
    process.kill(pid, 0);
    return { startedAt: '', command: '' };
  } catch {
    return undefined;
  }
}

/** What runs under a process id; undefined if nothing does, or it is a zombie. */
export async function runningProcess(pid: number): Promise<RunningProcess | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  if (process.platform === 'linux') return fromProc(pid);
  return process.platform === 'win32' ? fromSignal(pid) : fromPs(pid);
}
