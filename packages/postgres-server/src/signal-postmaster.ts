import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** How PostgreSQL is told to stop: `INT` ends sessions and writes a checkpoint, `QUIT` stops at once; both are safe. */
export type StopSignal = 'INT' | 'QUIT' | 'KILL';

/** Sends a signal to a postmaster; one that has already ended is fine. Windows has no signals: there pg_ctl does it. */
export async function signalPostmaster(pid: number, signal: StopSignal, pgCtl: string): Promise<void> {
  if (process.platform === 'win32') {
    await run(pgCtl, ['kill', signal, String(pid)]).catch(() => {});
    return;
  }
  try {
    process.kill(pid, `SIG${signal}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
