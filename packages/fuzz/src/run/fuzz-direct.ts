import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { directSubject, TOPICS, uuidV7 } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { createRegistryClient } from '@wayline/event-log/registry';
import { createVerifier, formatWriteKey } from '@wayline/identity/verify';
import { startPostgresServer } from '@wayline/postgres-server';
import { createPool, migrate } from '@wayline/store';
import { accountFor, startSchemaRegistry } from '@wayline/testkit';
import { createWorker } from '@wayline/worker';
import type { Closers } from '../closers.ts';
import { directInput, recordOf } from '../inputs/direct-inputs.ts';
import { samples } from '../inputs/samples.ts';
import { count, type FuzzReport, tell } from './fuzz-report.ts';

const PARTITIONS = 4;
const AT_ONCE = 500;
const SECRET = 'of this run alone, and of no worth anywhere';

export interface DirectOptions {
  closers: Closers;
  folder: string;
  seed: number;
  inputs: number;
  report: FuzzReport;
}

/** Straight to the log, through a real worker, into a real PostgreSQL: each record ends as a row, or as one dead letter. */
export async function fuzzDirect({ closers, folder, seed, inputs, report }: DirectOptions): Promise<void> {
  const postgres = await startPostgresServer({ dataDir: join(folder, 'direct-postgres') });
  closers.add(() => postgres.stop());
  const url = postgres.connectionString('postgres');
  await migrate({ url });
  const pool = createPool({ url, max: 6, applicationName: 'fuzz' });
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
  const writeKey = formatWriteKey({ projectId: 1, keyId: 'fuzz', allowImport: true }, SECRET);
  const verifier = createVerifier({ secrets: [SECRET] });
  const worker = createWorker({ log, pool, group: 'fuzz', verifier, logger, registry });
  closers.add(() => worker.stop());
  await worker.start();

  const goodIds = new Set<string>();
  const time = new Date(Date.now() - 60_000).toISOString();
  let batch: NewRecord[] = [];
  const send = async () => log.append(TOPICS.direct, batch.splice(0));
  for (const input of samples(directInput(time, { good, others }), inputs, seed)) {
    const id = uuidV7(Date.now());
    if (input.good) goodIds.add(id);
    batch.push(recordOf(input, { id, writeKey }));
    if (batch.length >= AT_ONCE) await send();
  }
  await send();
  batch = [];
  count(report.doors, 'straight to the log', inputs);
  report.inputs += inputs;

  const progress = async () => (await accountFor(url, goodIds)).ledger.read;
  for (const deadline = Date.now() + 300_000; (await progress()) < inputs; await sleep(500)) {
    if (Date.now() > deadline) throw new Error(`The worker stands still: ${told.slice(-5).join('\n')}`);
  }
  for (const line of told) tell(report, `The worker said: ${line}`);
  const { stored, deadLetters, missing, ledger, ...books } = await accountFor(url, goodIds);
  report.logged += inputs;
  report.stored += stored;
  report.deadLetters += deadLetters;
  report.acknowledged += goodIds.size;
  if (stored + deadLetters + ledger.duplicate !== inputs || ledger.read !== inputs) {
    tell(
      report,
      `Of ${inputs} records ${stored} are rows, ${deadLetters} dead letters, ${ledger.duplicate} duplicates.`,
    );
  }
  if (missing.length > 0) tell(report, `Good records that are not stored: ${missing.slice(0, 20).join(', ')}`);
  if (books.unbalancedHours > 0 || books.ledgerDifference !== 0)
    tell(report, 'The ledger of the worker does not balance.');
  for (const row of [...books.wrongSessions, ...books.wrongRows]) tell(report, `Not as a recount has it: ${row}`);
  const { rows } = await pool.query<{ code: string; n: number }>(
    'SELECT code, count(*)::int AS n FROM dead_letters GROUP BY code ORDER BY code',
  );
  for (const { code, n } of rows) count(report.outcomes, `dead letter ${code}`, n);
}
