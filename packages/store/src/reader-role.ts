import type { Pool, PoolClient } from 'pg';
import type { StoreLogger } from './pool.ts';

/** May read what queries read, and nothing else. A migration makes it where it may. */
export const READER_ROLE = 'wayline_reader';

/** Tables that it must not read: keys, and that for which erased users are known again. */
export const SECRET_TABLES = ['erasure_state', 'erasures', 'pgmigrations', 'write_keys'] as const;

/** A statement for the beginning of a transaction, which it makes the role's; nothing where none is given. */
export const asRole = (client: PoolClient, role: string | undefined): string =>
  role === undefined ? '' : `SET LOCAL ROLE ${client.escapeIdentifier(role)}`;

const REFUSALS: Record<string, string> = {
  '22023': 'there is no such role',
  '42704': 'there is no such role',
  '42501': 'whoever is logged in may not become it',
};

/**
 * The role that reads are to run as (`ReadOptions.role`); undefined where it is not there, may not be taken on, or may not
 * read all that queries read: then reads run with the rights of whoever is logged in, and the log of the program says so.
 */
export async function findReaderRole(pool: Pool, logger: Pick<StoreLogger, 'warn'>): Promise<string | undefined> {
  const reason = await whyNot(pool);
  if (reason === undefined) return READER_ROLE;
  logger.warn(
    { role: READER_ROLE, reason },
    `reads are not held apart by a role of the database: ${reason} (docs/operating.md, "A role that can only read")`,
  );
  return undefined;
}

async function whyNot(pool: Pool): Promise<string | undefined> {
  const client = await pool.connect();
  try {
    await client.query(`BEGIN READ ONLY; SET LOCAL ROLE ${READER_ROLE}`);
    const { rows } = await client.query<{ table: string }>(
      `SELECT relname AS "table" FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
         AND relname <> ALL ($1::text[]) AND NOT has_table_privilege(oid, 'SELECT')
       ORDER BY 1`,
      [SECRET_TABLES],
    );
    return rows.length === 0 ? undefined : `it may not read ${rows.map(({ table }) => table).join(', ')}`;
  } catch (error) {
    const reason = REFUSALS[(error as { code?: string }).code ?? ''];
    if (reason) return reason;
    throw error;
  } finally {
    await client.query('ROLLBACK').then(
      () => client.release(),
      () => client.release(true),
    );
  }
}
