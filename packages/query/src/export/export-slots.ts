import { ProblemError } from '@wayline/contracts';

/** Takes a place, and returns what gives it back. @throws ProblemError `overloaded` where none is free */
export type EnterExport = () => () => void;

const RETRY_AFTER_SECONDS = 10;

/** Bounds how many exports run at once: each holds a connection to the database for as long as its reader takes. */
export function createExportSlots(limit: number): EnterExport {
  let running = 0;
  return () => {
    if (running >= limit) {
      throw new ProblemError(
        'overloaded',
        `This process has ${limit} exports under way, and takes no more at once; try again when one has ended.`,
        { retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
    }
    running += 1;
    let inside = true;
    return () => {
      if (inside) running -= 1;
      inside = false;
    };
  };
}
