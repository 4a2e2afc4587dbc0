import { setTimeout as sleep } from 'node:timers/promises';
import { type ProcessExit, startProcess, type TestProcess } from '@wayline/testkit';

export interface RoleProcessOptions {
  /** As it is told of. */
  name: string;
  role: 'ingest' | 'worker' | 'query';
  /** The program's file, `wayline.js`. */
  program: string;
  port: number;
  /** Asked at every start. */
  env(): Readonly<Record<string, string>>;
}

/** How soon a process that ended by itself is started again, as by systemd or Kubernetes. */
const AGAIN_MS = 500;
const READY_MS = 90_000;
/** It has WAYLINE_SHUTDOWN_SECONDS, 25; then it is killed, which its exit tells. */
const TERMINATE_MS = 40_000;
const KEPT_LINES = 20_000;

/** A role as a process of its own, on a port that stays; started again whenever it ends without being told to. */
export class RoleProcess {
  readonly name: string;
  readonly url: string;
  readonly #options: RoleProcessOptions;
  #current: TestProcess | undefined;
  #wanted = false;
  #again: NodeJS.Timeout | undefined;
  readonly #log: string[] = [];
  /** How often it ended by itself. */
  endedByItself = 0;

  constructor(options: RoleProcessOptions) {
    this.#options = options;
    this.name = options.name;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  get running(): boolean {
    return this.#current !== undefined;
  }

  /** What its processes wrote on standard error, the last lines of each. */
  get log(): readonly string[] {
    return this.#current ? [...this.#log, ...this.#current.stderr] : this.#log;
  }

  /** Starts it unless it runs, without waiting for it. */
  start(): void {
    this.#wanted = true;
    if (!this.#current) this.#spawn();
  }

  #spawn(): void {
    const { program, role, port, env } = this.#options;
    const child = startProcess(process.execPath, [program, role], { env: { ...env(), PORT: String(port) } });
    this.#current = child;
    void child.exited.then(({ code, signal }) => {
      this.#log.push(...child.stderr, `— ended: ${signal ?? code}`);
      this.#log.splice(0, this.#log.length - KEPT_LINES);
      this.#current = undefined;
      if (!this.#wanted) return;
      this.endedByItself++;
      this.#again = setTimeout(() => this.start(), AGAIN_MS);
    });
  }

  /** SIGKILL; it stays away until `start`. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM; it stays away until `start`. Undefined where it did not run. */
  terminate(): Promise<ProcessExit | undefined> {
    return this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<ProcessExit | undefined> {
    this.#wanted = false;
    clearTimeout(this.#again);
    const child = this.#current;
    const force = setTimeout(() => void child?.end('SIGKILL'), TERMINATE_MS);
    try {
      return await child?.end(signal);
    } finally {
      clearTimeout(force);
    }
  }

  /** It stands still, with its connections open, until `resume`. Done when this returns. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#current) return;
    try {
      process.kill(this.#current.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Resolves when it says that it is ready. */
  async ready(): Promise<void> {
    for (const deadline = Date.now() + READY_MS; Date.now() < deadline; await sleep(50)) {
      const answer = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.ok) return;
    }
    throw new Error(`${this.name} is not ready within ${READY_MS / 1000} s`);
  }
}
