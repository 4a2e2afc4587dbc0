/** Why a statement failed through no fault of its own. */
export type ReadFault = 'unavailable' | 'busy' | 'timeout' | 'replica';

const SOCKET_FAULTS = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
];

/**
 * SQLSTATE classes and codes: connection, password, database, transaction (a standby cancels what its primary has
 * overtaken), resources, shut-down and start, system.
 */
const SQL_FAULTS = /^(08...|28...|3D000|40001|40P01|53...|57P..|58...)$/;

const MESSAGES = [
  'Connection terminated',
  'Client has encountered a connection error',
  'Cannot use a pool after calling end',
  'Client was closed',
];

/**
 * `unavailable`: the database is away or refuses; `busy`: no connection was free in time; `timeout`: the statement took
 * longer than allowed; `replica`: something was to be changed in a database that is only read. Undefined for a fault of the query itself.
 */
export function classifyReadFault(error: unknown): ReadFault | undefined {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  if (code === '57014' || message === 'Query read timeout') return 'timeout';
  if (code === '25006') return 'replica';
  if (message.startsWith('timeout exceeded when trying to connect')) return 'busy';
  if (SOCKET_FAULTS.includes(code) || SQL_FAULTS.test(code)) return 'unavailable';
  return MESSAGES.some((start) => message.startsWith(start)) ? 'unavailable' : undefined;
}
