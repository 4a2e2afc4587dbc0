import { EXIT } from './errors.ts';
import type { Lifecycle, LifecycleLogger } from './lifecycle.ts';

/**
 * A signal this soon after the first is the same wish: under `npm start`, Ctrl-C reaches us twice, from the terminal and
 * passed on by npm.
 */
const SAME_WISH_MS = 1_000;

/** SIGHUP: the terminal was closed. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const PARENT_LOOK_MS = 500;

/**
 * The first signal finishes what is in hand and stops, a later one stops at once. What nobody caught is
 * logged and stops with code 1. Returns a function that lets go of the process.
 * @param followParent stops when the parent process ends, too: between npm and us is a shell that dies of a signal
 * which is sent to npm alone, and does not pass it on
 */
export function bindToProcess(
  lifecycle: Pick<Lifecycle, 'stop' | 'fail' | 'force'>,
  logger: LifecycleLogger,
  followParent = false,
): () => void {
  let firstAt: number | undefined;

  function onSignal(signal: NodeJS.Signals): void {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      logger.info({ signal }, 'stopping: what is in hand is finished first');
      lifecycle.stop(EXIT.stopped);
    } else if (now - firstAt >= SAME_WISH_MS) {
      logger.error({ signal }, 'stopping at once: what is in hand is given up');
      lifecycle.force();
      process.exit(EXIT.fault);
    }
  }
  const onUncaught = (error: unknown) => lifecycle.fail(error, 'a fault that nothing caught');

  const parent = process.ppid;
  const look = setInterval(() => {
    if (followParent && process.ppid !== parent) lifecycle.stop(EXIT.stopped);
  }, PARENT_LOOK_MS);
  look.unref();

  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('unhandledRejection', onUncaught).on('uncaughtException', onUncaught);
  return () => {
    clearInterval(look);
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('unhandledRejection', onUncaught).off('uncaughtException', onUncaught);
  };
}
