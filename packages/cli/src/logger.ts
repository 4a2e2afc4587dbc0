import { destination, type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger };

/**
 * JSON lines on standard error, so that standard output stays free for what a command answers. Written at once: what
 * is logged last before an end is what matters most.
 */
export function createLogger(level: string, fields: Record<string, unknown> = {}): Logger {
  const stderr = destination({ fd: 2, sync: true });
  stderr.on('error', () => undefined); // a terminal that was closed: nobody is left to read
  return pino(
    {
      level,
      base: { pid: process.pid, ...fields },
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: errorFields },
    },
    stderr,
  );
}

/**
 * What is logged of an error, and no more: drivers hang whole connections on theirs, and PostgreSQL's tell in other
 * fields what the row held.
 */
export function errorFields(error: unknown): unknown {
  if (typeof error !== 'object' || error === null) return error;
  const { name, message, code, stack, cause } = error as Error & { code?: unknown };
  return { name, message, code, stack, ...(cause !== undefined && { cause: errorFields(cause) }) };
}
