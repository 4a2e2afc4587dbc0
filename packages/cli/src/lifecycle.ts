import { EXIT, type ExitCode } from './errors.ts';

export interface LifecycleLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Who starts a thing registers its end here, at once; the ends run in the opposite order. */
export interface Lifecycle {
  /** Aborted when stopping begins. */
  readonly signal: AbortSignal;
  /**
   * @param release finishes what is in hand and lets go; it may take until the bound
   * @param force lets go at once and without waiting, where the end of the process would not do it (a child process)
   */
  onStop(name: string, release: () => unknown, force?: () => void): void;
  /** Begins to stop, unless that has begun; the first code other than 0 wins. */
  stop(code: ExitCode): void;
  /** Something failed that cannot be mended from within: says so, and stops with code 1. */
  fail(error: unknown, what: string): void;
  /** Does not wait any longer: the `force` of everything not yet released. */
  force(): void;
  /**
   * Starts, and resolves with the exit code when all has been released again. A start that is overtaken by a stop may
   * go on for a while: what it still registers is released too, and what it throws then is of no interest.
   */
  run(start: () => Promise<void>): Promise<ExitCode>;
}

interface Part {
  name: string;
  release: () => unknown;
  force: (() => void) | undefined;
}

export interface LifecycleOptions {
  logger: LifecycleLogger;
  /** How long all releases together may take, after which the rest is forced and the code is 1. */
  boundMs: number;
  /** Tells the operator why the start failed, and says with which code to end. */
  report(error: unknown): ExitCode;
}

export function createLifecycle({ logger, boundMs, report }: LifecycleOptions): Lifecycle {
  const parts: Part[] = [];
  const abort = new AbortController();
  let code: ExitCode = EXIT.stopped;

  async function releaseAll(): Promise<void> {
    for (let part = parts.at(-1); part; part = parts.at(-1)) {
      try {
        await part.release();
      } catch (error) {
        logger.error({ err: error, part: part.name }, `${part.name} did not stop as it should`);
        code ||= EXIT.fault;
        part.force?.();
      }
      parts.splice(parts.indexOf(part), 1);
    }
  }

  function force(): void {
    for (const part of parts.toReversed()) part.force?.();
  }

  async function releaseInTime(starting: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, boundMs, true);
    });
    const released = releaseAll()
      .then(() => starting)
      .then(releaseAll);
    if (await Promise.race([released, late])) {
      const part = parts.at(-1)?.name ?? 'the start';
      logger.error({ part, boundMs }, `${part} did not stop in time; what it had in hand is given up`);
      code ||= EXIT.fault;
      force();
    }
    clearTimeout(timer);
  }

  function stop(given: ExitCode): void {
    code ||= given;
    abort.abort();
  }

  async function run(start: () => Promise<void>): Promise<ExitCode> {
    const stopping = new Promise<void>((resolve) => {
      abort.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const starting = start().catch((error: unknown) => {
      if (!abort.signal.aborted) stop(report(error));
    });
    await stopping;
    await releaseInTime(starting);
    return code;
  }

  return {
    signal: abort.signal,
    onStop: (name, release, forced) => parts.push({ name, release, force: forced }),
    stop,
    fail(error, what) {
      logger.error({ err: error }, what);
      stop(EXIT.fault);
    },
    force,
    run,
  };
}
