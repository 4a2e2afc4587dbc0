import { readdir, readFile } from 'node:fs/promises';
import { createTestDatabase, type TestDatabase } from '@wayline/testkit';
import { migrate } from '../src/index.ts';

const FOLDER = new URL('../../../migrations/', import.meta.url);

/** A database of its own for one test file, with all tables; cloned, so that migrations run once a run. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  const files = (await readdir(FOLDER)).sort();
  const texts = await Promise.all(files.map((file) => readFile(new URL(file, FOLDER), 'utf8')));
  return createTestDatabase({
    migrate: async (url: string) => void (await migrate({ url })),
    template: texts.join('\n'),
  });
}
