import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { PostgresServerError } from './postgres-server-error.ts';
import { guardPostmaster } from './postmaster-guard.ts';
import { commandLine, type RunAs } from './run-as.ts';

export interface PostmasterOptions {
  binaries: PostgresBinaries;
  runAs: RunAs;
  cluster: string;
  /** Server settings, on the command line. */
  settings: Readonly<Record<string, string>>;
  onLog?(line: string): void;
}

export interface PostmasterExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The line of its log that says most about why. */
  lastWords: string;
}

export interface Postmaster {
  pid: number;
  /** Resolves when the server says that it accepts connections; rejects with the reason if it ends before. */
  ready: Promise<void>;
  /** Resolves when the process has ended. */
  ended: Promise<PostmasterExit>;
}

const READY = 'database system is ready to accept connections';
const KEPT_LINES = 20;

function lastWords(lines: readonly string[]): string {
  const telling = lines.findLast((line) => /FATAL|PANIC/.test(line)) ?? lines.at(-1) ?? 'it said nothing';
  return telling.replace(/^.*?(FATAL|PANIC|LOG): +/, '');
}

/**
 * Starts the server in a process group of its own, so that Ctrl-C in a terminal reaches us alone and we decide when it
 * stops; a guard stops it should we be killed.
 * @throws PostgresServerError if the program cannot be started at all
 */
export async function spawnPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  const { binaries, runAs, cluster, settings, onLog } = options;
  const args = ['-D', cluster, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const [file, all] = commandLine(runAs, binaries.postgres, args);
  const child = spawn(file, all, {
    ...runAs.identity,
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
  });
  const { pid } = child;
  if (pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error];
    throw new PostgresServerError(`PostgreSQL could not be started: ${error.message}`, { cause: error });
  }
  const releaseGuard = guardPostmaster(pid);

  const lines: string[] = [];
  const output = createInterface({ input: child.stderr });
  const outputEnds = once(output, 'close');
  const saysReady = new Promise<void>((resolve) => {
    output.on('line', (line) => {
      lines.push(line);
      if (lines.length > KEPT_LINES) lines.shift();
      if (line.includes(READY)) resolve();
      onLog?.(line);
    });
  });
  const ended = new Promise<PostmasterExit>((resolve) => {
    child.once('exit', async (code, signal) => {
      releaseGuard();
      await Promise.race([outputEnds, sleep(500)]); // after a kill, busy sessions may hold the pipe for longer
      resolve({ code, signal, lastWords: lastWords(lines) });
    });
  });
  const failed = ended.then((exit) => {
    throw new PostgresServerError(`PostgreSQL did not start: ${exit.lastWords}`);
  });
  failed.catch(() => {}); // told by `ready`; after that it is an ordinary end
  return { pid, ready: Promise.race([saysReady, failed]), ended };
}
