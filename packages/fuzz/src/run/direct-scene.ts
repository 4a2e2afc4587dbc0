import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { directSubject, TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createRegistryClient } from '@wayline/event-log/registry';
import { createVerifier, formatWriteKey } from '@wayline/identity/verify';
import { startPostgresServer } from '@wayline/postgres-server';
import { createPool, migrate, type Pool, readPosition } from '@wayline/store';
import { type Closers, startSchemaRegistry } from '@wayline/testkit';
import { createWorker } from '@wayline/worker';
import type { KnownSchemas } from '../inputs/direct-inputs.ts';

/** A worker on a log, a registry and a PostgreSQL of its own. */
export interface DirectScene {
  log: EventLog;
  pool: Pool;
  databaseUrl: string;
  schemas: KnownSchemas;
  writeKey: string;
  /** What the worker logged as errors. */
  told: readonly string[];
  /** Resolves when everything is read. */
  allRead(): Promise<void>;
}

const PARTITIONS = 4;
const GROUP = 'fuzz';
const SECRET = 'of this run alone, and of no worth anywhere';
const PATIENCE_MS = 300_000;

export async function openDirectScene(closers: Closers, folder: string): Promise<DirectScene> {
  const postgres = await startPostgresServer({ dataDir: join(folder, 'direct-postgres') });
  closers.add(() => postgres.stop());
  const databaseUrl = postgres.connectionString('postgres');
  await migrate({ url: databaseUrl });
  const pool = createPool({ url: databaseUrl, max: 6, applicationName: 'fuzz' });
  closers.add(() => pool.end());
  const log = await createEmbeddedLog({
    folder: join(folder, 'direct-log'),
    topics: [TOPICS.events, TOPICS.direct].map((name) => ({ name, partitions: PARTITIONS })),
  });
  closers.add(() => log.close());
  const server = await startSchemaRegistry();
  closers.add(() => server.close());
  const registry = createRegistryClient({ url: server.url });
  const others = await registry.ensure({ name: 'others-value', schema: '{"type":"object"}' });
  const good = await registry.ensure(directSubject());

  const told: string[] = [];
  const say = (fields: object, message: string) => void told.push(`${message} ${JSON.stringify(fields).slice(0, 500)}`);
  const logger = { info: () => {}, warn: () => {}, error: say };
  const verifier = createVerifier({ secrets: [SECRET] });
  const worker = createWorker({ log, pool, group: GROUP, verifier, logger, registry });
  closers.add(() => worker.stop());
  await worker.start();

  async function unread(): Promise<number> {
    let records = 0;
    for (const { topic, partition, end } of await log.ranges(TOPICS.direct)) {
      const position = await readPosition(pool, { logId: log.id, group: GROUP, topic, partition });
      records += end - (position?.nextOffset ?? 0);
    }
    return records;
  }

  return {
    log,
    pool,
    databaseUrl,
    schemas: { good, others },
    writeKey: formatWriteKey({ projectId: 1, keyId: 'fuzz', allowImport: true }, SECRET),
    told,
    async allRead() {
      for (const deadline = Date.now() + PATIENCE_MS; (await unread()) > 0; await sleep(50)) {
        if (Date.now() > deadline) throw new Error(`The worker stands still: ${told.slice(-5).join('\n')}`);
      }
    },
  };
}
