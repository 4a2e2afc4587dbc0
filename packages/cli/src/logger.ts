import { destination, type Logger, pino, stdTimeFunctions } from 'pino';

export type { Logger };

/**
 * JSON lines on standard error, so that standard output stays free for what a command answers. Written at once: what
 * is logged last before an end is what matters most.
 */
export function createLogger(level: string, fields: Record<string, unknown> = {}): Logger {
  const stderr = destination({ fd: 2, sync: true });
  stderr.on('error', () => undefined); // a terminal that was closed: nobody is left to read
  return pino({ level, base: { pid: process.pid, ...fields }, timestamp: stdTimeFunctions.isoTime }, stderr);
}
