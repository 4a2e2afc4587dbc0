import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  /** Beside PATH, HOME and the like: nothing of the caller's own settings is handed on. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Written to its stdin, which then ends. */
  input?: string | Buffer;
}

export interface TestProcess {
  readonly pid: number;
  /** What it wrote, line by line as it came. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /** Resolves when it has ended and all of its output was read. */
  readonly exited: Promise<ProcessExit>;
  /** The first line of either output, from the beginning on, that matches; rejects when the process ends without it. */
  waitForLine(pattern: RegExp, timeoutMs?: number): Promise<RegExpExecArray>;
  /** Resolves when a GET of the address answers so (default 200); rejects when the process ends before. */
  waitForHttp(url: string, status?: number, timeoutMs?: number): Promise<void>;
  /** Sends a signal, SIGTERM by default, and waits for the end. One that has ended already is fine. */
  end(signal?: NodeJS.Signals): Promise<ProcessExit>;
}

const HANDED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'SystemRoot', 'NODE_V8_COVERAGE'];
const PATIENCE_MS = 30_000;

function environment(own: Readonly<Record<string, string>>): Record<string, string> {
  const handedOn = HANDED_ON.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(handedOn), ...own };
}

/** Kills a process when ours ends, however it ends: the guard's input ends then. */
function guard(pid: number): () => void {
  const child = spawn('sh', ['-c', 'read -r line || kill -KILL "$1"', 'test-process-guard', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  child.unref();
  return () => child.stdin.end('ended\n');
}

/**
 * Starts a program; its output is collected, and it does not outlive the test's process. It has a session of its own, as
 * each service has: Linux shares out the processor among sessions first, and only then among the processes of one.
 */
export function startProcess(file: string, args: readonly string[], options: ProcessOptions = {}): TestProcess {
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(file, args, {
    cwd: options.cwd,
    env: environment(options.env ?? {}),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${file} could not be started`);
  const release = guard(pid);
  child.once('exit', release);
  child.stdin.on('error', () => {}); // it may end without reading
  child.stdin.end(options.input);

  const lines = { stdout: [] as string[], stderr: [] as string[] };
  const news = new EventEmitter();
  const collect = (name: 'stdout' | 'stderr') =>
    createInterface({ input: child[name] }).on('line', (line) => {
      lines[name].push(line);
      news.emit('line', line);
    });
  const readers = [collect('stdout'), collect('stderr')].map((reader) => once(reader, 'close'));
  const exited = Promise.all([once(child, 'exit'), ...readers]).then(
    ([[code, signal]]): ProcessExit => ({ code, signal }),
  );
  const tail = () => [...lines.stdout.slice(-15), ...lines.stderr.slice(-15)].join('\n');
  const endedWithout = (what: string) => async (): Promise<never> => {
    const { code, signal } = await exited;
    throw new Error(`${args.join(' ')} ended (${signal ?? code}) without ${what}. Its last lines:\n${tail()}`);
  };
  const within = async <T>(what: string, timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const done = new AbortController();
    const tooLate = async (): Promise<never> => {
      await sleep(timeoutMs, undefined, { signal: done.signal });
      throw new Error(`${args.join(' ')} is without ${what} for ${timeoutMs} ms. Its last lines:\n${tail()}`);
    };
    const others = [tooLate(), endedWithout(what)()];
    for (const other of others) other.catch(() => {}); // the first to settle speaks
    try {
      return await Promise.race([work(done.signal), ...others]);
    } finally {
      done.abort();
    }
  };

  return {
    pid,
    stdout: lines.stdout,
    stderr: lines.stderr,
    exited,
    waitForLine(pattern, timeoutMs = PATIENCE_MS) {
      return within(`a line like ${pattern}`, timeoutMs, async (signal) => {
        for (const line of [...lines.stdout, ...lines.stderr]) {
          const match = pattern.exec(line);
          if (match) return match;
        }
        return new Promise<RegExpExecArray>((resolve) => {
          const look = (line: string) => {
            const match = pattern.exec(line);
            if (match) resolve(match);
          };
          news.on('line', look);
          signal.addEventListener('abort', () => news.off('line', look));
        });
      });
    },
    waitForHttp(url, status = 200, timeoutMs = PATIENCE_MS) {
      return within(`an answer ${status} at ${url}`, timeoutMs, async (signal) => {
        while (!signal.aborted) {
          const answer = await fetch(url, { signal }).catch(() => undefined);
          await answer?.body?.cancel();
          if (answer?.status === status) return;
          await sleep(25);
        }
      });
    },
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return exited;
    },
  };
}

const CLI = fileURLToPath(new URL('../../cli/bin/wayline.js', import.meta.url));

/** Starts the real command line program, built, as users start it: `startWayline(['all'], { env: { PORT: '0' } })`. */
export function startWayline(args: readonly string[], options: ProcessOptions = {}): TestProcess {
  return startProcess(process.execPath, [CLI, ...args], options);
}

/** Runs the command line program to its end. */
export async function runWayline(
  args: readonly string[],
  options: ProcessOptions = {},
): Promise<ProcessExit & { stdout: string; stderr: string }> {
  const run = startWayline(args, options);
  const exit = await run.exited;
  return { ...exit, stdout: run.stdout.join('\n'), stderr: run.stderr.join('\n') };
}
