/**
 * What the worker does about a failed batch. `at once`: writes it again after a moment, and with pauses only if that does
 * not help; `wait`: again and again, with pauses; `smaller`: the same, in smaller transactions each time; `isolate`: finds
 * the row by halving, and puts it alone into the dead letters.
 */
export type Remedy = 'at once' | 'wait' | 'smaller' | 'isolate';

export interface FailureClass {
  name: string;
  /** SQLSTATEs, whole or their first two signs. */
  codes: readonly string[];
  remedy: Remedy;
  /** The whole database is concerned, not some rows: batches that failed together stay together. */
  everywhere: boolean;
  /** It does not pass by itself: somebody has to mend something, and is told so at the level of errors. */
  needsMending: boolean;
  /** The connection may lead to the wrong server from now on: it is closed. */
  reconnect: boolean;
  /** What happened, for operators; in the log of the program and in docs/operating.md. */
  meaning: string;
}

const failure = (
  name: string,
  codes: readonly string[],
  remedy: Remedy,
  rest: Partial<FailureClass> & { meaning: string },
): FailureClass => ({ name, codes, remedy, everywhere: false, needsMending: false, reconnect: false, ...rest });

const UNKNOWN = failure('unknown', [], 'wait', {
  needsMending: true,
  meaning: 'PostgreSQL refused for a reason that nobody foresaw',
});

const PROGRAM_FAULT = failure('program fault', [], 'isolate', {
  needsMending: true,
  meaning: 'our own code failed over a row',
});

const CONNECTION = failure('connection lost', ['08'], 'wait', {
  everywhere: true,
  reconnect: true,
  meaning: 'PostgreSQL cannot be reached, or the connection to it was lost',
});

/** Rows of our own books: what is refused there says nothing about the events of the batch. */
const BOOKS = failure('books', [], 'wait', {
  needsMending: true,
  meaning: 'a constraint of positions, batches or ledger was broken: is a sequence or a restored table out of step?',
});
const BOOK_TABLES = ['positions', 'batches', 'ledger'];

/**
 * Every class of failure, and what is done about it. Of codes that two rows fit, the whole one wins. What is not here is
 * waited out: waiting costs time, a wrong dead letter costs an event.
 */
export const FAILURE_CLASSES: readonly FailureClass[] = [
  CONNECTION,
  failure('shutdown', ['57P01', '57P02', '57P03', '57P05', '25P03'], 'wait', {
    everywhere: true,
    reconnect: true,
    meaning: 'PostgreSQL is stopping or starting, or has ended the connection',
  }),
  failure('read-only', ['25006'], 'wait', {
    everywhere: true,
    reconnect: true,
    meaning: 'PostgreSQL takes no writes: a failover, or a standby',
  }),
  failure('deadlock', ['40P01'], 'at once', { meaning: 'two transactions waited for one another' }),
  failure('serialization', ['40'], 'at once', { meaning: 'a transaction came in the way of another' }),
  failure('lock timeout', ['55P03'], 'wait', { meaning: 'somebody holds a lock on the rows or tables for too long' }),
  failure('statement timeout', ['57014'], 'smaller', {
    meaning: 'a statement took too long, or somebody cancelled it',
  }),
  failure('disk full', ['53100'], 'wait', {
    everywhere: true,
    needsMending: true,
    meaning: 'the disk of PostgreSQL is full',
  }),
  failure('too many connections', ['53300'], 'wait', {
    everywhere: true,
    meaning: 'PostgreSQL has no connection left for the worker',
  }),
  failure('out of memory', ['53200'], 'smaller', { meaning: 'PostgreSQL ran out of memory, or of locks' }),
  failure('other resources', ['53', '55'], 'wait', { meaning: 'PostgreSQL lacks something, or it is in use' }),
  failure('access', ['28', '3D000', '42501', '57P04'], 'wait', {
    everywhere: true,
    needsMending: true,
    reconnect: true,
    meaning: 'the worker may not log in, or lacks a right, or the database is not there',
  }),
  failure('schema', ['42', '3F000'], 'wait', {
    needsMending: true,
    meaning: 'a table, column or function is not as it should be: has `wayline migrate` run?',
  }),
  failure('storage', ['58', 'XX001', 'XX002'], 'wait', {
    needsMending: true,
    meaning: 'PostgreSQL cannot read or write its files, or found them damaged',
  }),
  BOOKS,
  failure('data', ['22', '23', '54'], 'isolate', { meaning: 'PostgreSQL refuses a row for what it is' }),
  PROGRAM_FAULT,
  UNKNOWN,
];

const BY_CODE = new Map(FAILURE_CLASSES.flatMap((found) => found.codes.map((code) => [code, found] as const)));

/** pg's own errors have neither a code nor a class. */
const PG_CLIENT = /connect|terminated|Client was closed|pool/i;
/** Those that Node.js throws where it is called wrongly have a code, too: `ERR_OUT_OF_RANGE`. */
const PROGRAM_ERRORS = ['TypeError', 'RangeError', 'ReferenceError'];
/** Codes of Node.js are of the same length at times: EPIPE. No SQLSTATE begins with E. */
const SQLSTATE = /^[0-9A-DF-Z][0-9A-Z]{4}$/;

/** The class of an error that a batch was answered with. */
export function classifyStoreError(error: unknown): FailureClass {
  const { name, code, table, message } = (error ?? {}) as Record<'name' | 'code' | 'table' | 'message', unknown>;
  if (PROGRAM_ERRORS.includes(String(name))) return PROGRAM_FAULT;
  if (typeof code === 'string') {
    if (!SQLSTATE.test(code)) return CONNECTION;
    if (code.startsWith('23') && typeof table === 'string' && BOOK_TABLES.includes(table)) return BOOKS;
    return BY_CODE.get(code) ?? BY_CODE.get(code.slice(0, 2)) ?? UNKNOWN;
  }
  return PG_CLIENT.test(String(message)) ? CONNECTION : UNKNOWN;
}
