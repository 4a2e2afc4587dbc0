import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { directSubject, eventsSubject, readRecordValue, schemaIdOf, TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { startSchemaRegistry, type TestSchemaRegistry } from '@wayline/testkit';
import { loadConfig } from '../src/config.ts';
import { UsageError } from '../src/errors.ts';
import { createLifecycle } from '../src/lifecycle.ts';
import { createLogger } from '../src/logger.ts';
import { frameEvents, registerSubjects } from '../src/schema-registry.ts';

const logger = createLogger('silent', { role: 'ingest' });
const closers: (() => Promise<unknown>)[] = [];
let registry: TestSchemaRegistry;
let log: EventLog;

beforeEach(async () => {
  registry = await startSchemaRegistry();
  closers.push(() => registry.close());
  const folder = await mkdtemp(join(tmpdir(), 'wayline-registry-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  log = await createEmbeddedLog({ folder, topics: [{ name: TOPICS.events, partitions: 1 }] });
  closers.push(() => log.close());
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const config = () => loadConfig('migrate', { SCHEMA_REGISTRY_URL: registry.url });
const framed = () =>
  frameEvents(
    { config: config(), logger, lifecycle: createLifecycle({ logger, boundMs: 1000, report: () => 1 }) },
    log,
  );

/** The value that was appended, as it stands in the log. */
async function appended(through: EventLog, offset: number): Promise<Buffer> {
  await through.append(TOPICS.events, [{ key: 's', value: Buffer.from('{"a":1}') }]);
  const record = await log.peek({ topic: TOPICS.events, partition: 0, offset });
  return record?.value as Buffer;
}

test('issue 6.5: what ingest writes is framed with the id of its schema, and read as it was', async () => {
  const value = await appended(await framed(), 0);
  expect(registry.schemas.versionsOf(eventsSubject().name)).toEqual([schemaIdOf(value)]);
  expect(readRecordValue(value)).toMatchObject({ json: { a: 1 } });
});

test('T5, issue 6.5: with the registry away ingest starts, and writes plain JSON', async () => {
  await registry.goAway();
  expect(String(await appended(await framed(), 0))).toBe('{"a":1}');
});

test('issue 6.5: migrate registers both subjects; schemas that do not go together stop it with a sentence', async () => {
  await registerSubjects(config());
  expect(registry.schemas.versionsOf(directSubject().name)).toHaveLength(1);
  await registry.close();
  registry = await startSchemaRegistry();
  const open = { schemaType: 'JSON', schema: '{"type":"object","properties":{"colour":{"type":"string"}}}' };
  registry.schemas.answer('POST', new URL(`/subjects/${directSubject().name}/versions`, registry.url), open);
  await expect(registerSubjects(config())).rejects.toThrow(UsageError);
  await expect(framed()).rejects.toThrow(/SCHEMA_REGISTRY_URL: .*not compatible/);
});

test('issue 6.5: the name and the password of the registry are given together', () => {
  expect(() => loadConfig('migrate', { SCHEMA_REGISTRY_USERNAME: 'u' })).toThrow(
    /SCHEMA_REGISTRY_PASSWORD must be given together/,
  );
});
