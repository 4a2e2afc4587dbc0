import pg from 'pg';
import { parseTimestamptz } from './parse-timestamptz.ts';

export type Pool = pg.Pool;

/** Messages are for operators, fields for machines. */
export interface StoreLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface PoolOptions {
  /** `postgres://user:password@host:port/database`, also with `sslmode` and the like. */
  url: string;
  /** Connections at most. */
  max: number;
  /** Shown in pg_stat_activity. */
  applicationName: string;
  /**
   * For all statements of the pool. It travels as a start-up parameter, which PgBouncer refuses in its default
   * configuration: behind one leave it out, and set the time-out inside each transaction.
   */
  statementTimeoutMs?: number;
  /** How long to wait for a free or a new connection, ms. Default 10 s. */
  connectTimeoutMs?: number;
  /** Told of connections that broke; they are replaced by themselves. */
  logger?: Pick<StoreLogger, 'warn'>;
}

const INT8 = 20;
const TIMESTAMPTZ = 1184;

/**
 * How values come back from every pool made here. bigint: a number where it is a safe integer (counts, offsets), else
 * its decimal text, so that no digit is lost; an id that is a 64-bit hash must be read as `::text`, to be the one
 * always. bigint[]: texts. timestamptz: epoch ms, digits below cut off; an infinite one is ±Infinity.
 */
export const storeTypes: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (format !== 'binary' && oid === INT8) return parseInt8;
    if (format !== 'binary' && oid === TIMESTAMPTZ) return parseTimestamptz;
    return pg.types.getTypeParser(oid, format);
  },
} as pg.CustomTypesConfig;

function parseInt8(text: string): number | string {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : text;
}

/** Connections to PostgreSQL. Whoever makes the pool ends it. Nothing is connected before the first query. */
export function createPool(options: PoolOptions): pg.Pool {
  const { url, max, applicationName, statementTimeoutMs, connectTimeoutMs = 10_000, logger } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: applicationName,
    ...(statementTimeoutMs !== undefined && { statement_timeout: statementTimeoutMs }),
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: storeTypes,
  });
  // An 'error' event without a listener ends the process: the pool's own covers idle connections only, so each
  // connection gets one for the time it is lent out. Its query in hand fails by itself, and so does the next.
  pool.on('connect', (client) => client.on('error', () => undefined));
  pool.on('error', (error) => logger?.warn({ err: error }, 'an idle connection to PostgreSQL was lost'));
  return pool;
}
