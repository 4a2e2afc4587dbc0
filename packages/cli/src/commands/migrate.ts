import { migrate } from '@wayline/store';
import type { Config } from '../config.ts';
import { createLogger } from '../logger.ts';
import { registerSubjects } from '../schema-registry.ts';
import { databaseUrl } from '../store-access.ts';

/**
 * Brings the schema up to this version, or takes `down` migrations back; answers with a sentence about what was done. Where
 * there is a schema registry, it is given the schemas of this version, if need be.
 */
export async function runMigrate(config: Config<'migrate'>, { down }: { down?: number }): Promise<string> {
  const logger = createLogger(config.logLevel, { role: 'migrate' });
  const url = await databaseUrl(config);
  if (down === undefined) await registerSubjects(config);
  const { applied } = await migrate({
    url,
    logger,
    ...(down === undefined ? { direction: 'up' } : { direction: 'down', count: down }),
  });
  if (applied.length === 0) return 'The database schema is as it should be; there was nothing to do.';
  return `${down === undefined ? 'Applied' : 'Taken back'}: ${applied.join(', ')}.`;
}
