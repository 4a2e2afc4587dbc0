import { afterAll, beforeAll } from '@jest/globals';
import { createPool, type Pool } from '@wayline/store';
import type { TestDatabase } from '@wayline/testkit';
import { createStoreDatabase } from '../../store/test/store-database.ts';

export const SECRET = 'a-secret-of-the-test-with-over-32-characters';

/** A migrated database for the tests of a file. To be called where hooks may be registered, and asked in hooks and tests. */
export function identityDatabase(): () => { pool: Pool; url: string } {
  let database: TestDatabase | undefined;
  let pool: Pool | undefined;
  beforeAll(async () => {
    database = await createStoreDatabase();
    pool = createPool({ url: database.url, max: 8, applicationName: 'identity test' });
  });
  afterAll(async () => {
    await pool?.end();
    await database?.close();
  });
  return () => {
    if (!database || !pool) throw new Error('The database is there from the first hook on');
    return { pool, url: database.url };
  };
}
