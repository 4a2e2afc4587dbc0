import { createTestDatabase, type TestDatabase } from '@wayline/testkit';
import { migrate, schemaFingerprint } from '../src/index.ts';

/** A migrated database of its own for a test file. */
export async function createStoreDatabase(): Promise<TestDatabase> {
  return createTestDatabase({
    migrate: async (url) => void (await migrate({ url })),
    template: await schemaFingerprint(),
  });
}
