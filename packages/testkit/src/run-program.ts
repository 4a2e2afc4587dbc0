import { Closers } from './closers.ts';

/** What is wrong with a command line, in one sentence. */
export class UsageError extends Error {}

/** What a run is given: what it opens is closed at its end, and what it says goes to standard error. */
export interface ProgramRun {
  closers: Closers;
  say(text: string): void;
}

/**
 * Runs a program of the repository, such as a benchmark: SIGINT and SIGTERM close what it has opened and end the process.
 * @param usage said after a `UsageError`
 * @returns the exit code: what the work returns; 1 where it throws, or 2 where the command line is wrong
 */
export async function runProgram(usage: string, work: (run: ProgramRun) => Promise<number>): Promise<number> {
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  const closers = new Closers();
  const stop = (signal: NodeJS.Signals) => {
    say(`ended by ${signal}: what was started is removed`);
    void closers.closeAll().finally(() => process.exit(130));
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work({ closers, say });
  } catch (error) {
    if (error instanceof UsageError) say(`${error.message}\n${usage}`);
    else say(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return error instanceof UsageError ? 2 : 1;
  } finally {
    await closers.closeAll();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
