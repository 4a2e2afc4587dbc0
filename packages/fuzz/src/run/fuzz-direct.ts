import { TOPICS, uuidV7 } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import { deadLetterCauses, type Pool, readOnly } from '@wayline/store';
import { accountFor, type Closers } from '@wayline/testkit';
import { directInput, recordOf } from '../inputs/direct-inputs.ts';
import { samples } from '../inputs/samples.ts';
import { openDirectScene } from './direct-scene.ts';
import { count, type FuzzReport, tell } from './fuzz-report.ts';

/** Records of one append. */
const AT_ONCE = 500;

export interface DirectOptions {
  closers: Closers;
  folder: string;
  seed: number;
  inputs: number;
  report: FuzzReport;
}

/** Straight to the log, through a real worker, into a real PostgreSQL: each record ends as a row, or as one dead letter. */
export async function fuzzDirect({ closers, folder, seed, inputs, report }: DirectOptions): Promise<void> {
  const { log, pool, databaseUrl, schemas, writeKey, told, allRead } = await openDirectScene(closers, folder);
  const goodIds = new Set<string>();
  const time = new Date(Date.now() - 60_000).toISOString();
  const batch: NewRecord[] = [];
  const send = () => log.append(TOPICS.direct, batch.splice(0));
  for (const input of samples(directInput(time, schemas), inputs, seed)) {
    const id = uuidV7(Date.now());
    if (input.good) goodIds.add(id);
    batch.push(recordOf(input, { id, writeKey }));
    if (batch.length >= AT_ONCE) await send();
  }
  await send();
  await allRead();

  for (const line of told) tell(report, `The worker said: ${line}`);
  const { stored, deadLetters, missing, ledger, ...books } = await accountFor(databaseUrl, goodIds);
  count(report.doors, 'straight to the log', inputs);
  report.inputs += inputs;
  report.logged += inputs;
  report.stored += stored;
  report.deadLetters += deadLetters;
  report.acknowledged += goodIds.size;
  if (stored + deadLetters + ledger.duplicate !== inputs || ledger.read !== inputs) {
    const { read, duplicate } = ledger;
    tell(
      report,
      `Of ${inputs} records, ${read} read: ${stored} rows, ${deadLetters} dead letters, ${duplicate} duplicates.`,
    );
  }
  if (missing.length > 0) tell(report, `Good records that are not stored: ${missing.slice(0, 20).join(', ')}`);
  const doubled = books.doubled.filter((id) => goodIds.has(id));
  if (doubled.length > 0) tell(report, `Good records that are stored twice: ${doubled.slice(0, 20).join(', ')}`);
  if (books.unbalancedHours > 0 || books.ledgerDifference !== 0) tell(report, 'The ledger does not balance.');
  for (const row of [...books.wrongSessions, ...books.wrongRows]) tell(report, `Not as a recount has it: ${row}`);
  for (const [code, n] of await codesOf(pool)) count(report.outcomes, `dead letter ${code}`, n);
}

/** Of those that name nobody (project 0), and of those with a good key. */
async function codesOf(pool: Pool): Promise<[code: string, count: number][]> {
  const causes = await readOnly(pool, { statementTimeoutMs: 60_000 }, async (reader) => [
    ...(await deadLetterCauses(reader, { projectId: 0 }, 10_000)),
    ...(await deadLetterCauses(reader, { projectId: 1 }, 10_000)),
  ]);
  return causes.map(({ code, count: many }) => [code, many]);
}
