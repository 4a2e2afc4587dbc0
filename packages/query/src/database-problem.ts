import { ProblemError } from '@wayline/contracts';
import { classifyReadFault } from '@wayline/store';

/** The problem document for a fault of the database; undefined where the fault is another. */
export function databaseProblem(error: unknown): ProblemError | undefined {
  switch (classifyReadFault(error)) {
    case 'unavailable':
      return new ProblemError('database_unavailable', 'The database cannot be reached; try again shortly.', {
        retryAfterSeconds: 5,
      });
    case 'busy':
      return new ProblemError('overloaded', 'Too many queries are running; try again shortly.', {
        retryAfterSeconds: 2,
      });
    case 'timeout':
      return new ProblemError(
        'database_unavailable',
        'The query took longer than it may; ask for less at once: a shorter range, a smaller limit, a session.',
        { retryAfterSeconds: 10 },
      );
    case 'replica':
      return new ProblemError(
        'database_unavailable',
        'This process reads a replica, in which nothing can be changed; ask one that has the primary.',
      );
  }
  return undefined;
}
