import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TOPICS } from '@wayline/contracts';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { startPostgresServer } from '@wayline/postgres-server';
import { accountFor, type Closers, startWayline, type TestProcess } from '@wayline/testkit';
import type { Acknowledgements } from './acknowledgements.ts';
import { compareWithLog } from './compare-with-log.ts';
import { fuzzHttp } from './fuzz-http.ts';
import { type FuzzReport, tell, UNANSWERED } from './fuzz-report.ts';
import { fuzzStreams } from './fuzz-streams.ts';
import { fuzzWire } from './fuzz-wire.ts';

/** Of `wayline all`. */
const PARTITIONS = 12;
const PINO_ERROR = 50;

export interface DoorsOptions {
  closers: Closers;
  folder: string;
  seed: number;
  inputs: { http: number; wire: number; stream: number };
  report: FuzzReport;
  progress(sentence: string): void;
}

/**
 * Over the sockets of a real `wayline all`, on its embedded log and a real PostgreSQL. Afterwards what was acknowledged is
 * held against the log, and the log against the rows.
 */
export async function fuzzDoors({ closers, folder, seed, inputs, report, progress }: DoorsOptions): Promise<void> {
  const postgres = await startPostgresServer({ dataDir: join(folder, 'doors-postgres') });
  closers.add(() => postgres.stop());
  const databaseUrl = postgres.connectionString('postgres');
  const dataDir = join(folder, 'doors');
  const env = { PORT: '0', WAYLINE_DATA_DIR: dataDir, DATABASE_URL: databaseUrl, LOG_LEVEL: 'warn' };
  const wayline = startWayline(['all'], { env });
  closers.add(() => wayline.end());
  await wayline.waitForLine(/Stop with Ctrl-C/, 120_000);
  const dev = JSON.parse(await readFile(join(dataDir, 'dev.json'), 'utf8')) as Dev;

  const acknowledgements: Acknowledgements = new Map();
  const { port, origin } = new URL(dev.url);
  const run = {
    port: Number(port),
    writeKey: dev.writeKey,
    time: new Date(Date.now() - 60_000).toISOString(),
    seed,
    report,
    acknowledgements,
  };
  const parts = [
    { what: 'bodies', work: () => fuzzHttp({ ...run, inputs: inputs.http }) },
    { what: 'requests on the wire', work: () => fuzzWire({ ...run, inputs: inputs.wire }) },
    { what: 'WebSockets', work: () => fuzzStreams({ ...run, inputs: inputs.stream }) },
  ];
  for (const { what, work } of parts) {
    progress(what);
    await Promise.race([work(), endsItself(wayline)]);
    const alive = await fetch(`${origin}/livez`);
    if (alive.status !== 200) tell(report, `/livez answers ${alive.status} after ${what}`);
  }
  report.inputs += inputs.http + inputs.wire + inputs.stream;

  progress('waiting until all is stored');
  await stored(dev);
  const { code } = await wayline.end();
  if (code !== 0) tell(report, `wayline all ended with ${code}`);
  for (const line of wayline.stderr) if (isFault(line)) tell(report, `wayline all logged: ${line}`);

  progress('comparing');
  const topics = [TOPICS.events, TOPICS.direct].map((name) => ({ name, partitions: PARTITIONS }));
  const log = await createEmbeddedLog({
    folder: join(dataDir, 'log'),
    topics: [...topics, { name: TOPICS.settings, partitions: 1, compacted: true }],
  });
  closers.add(() => log.close());
  const { records, ids, wrong } = await compareWithLog(log, acknowledgements, report.outcomes[UNANSWERED] ?? 0);
  for (const sentence of wrong) tell(report, sentence);
  report.logged += records;
  const account = await accountFor(databaseUrl, new Set(ids.keys()));
  report.stored += account.stored;
  if (account.deadLetters > 0) tell(report, `${account.deadLetters} acknowledged events became dead letters.`);
  if (account.ledger.read !== records)
    tell(report, `The ledger has read ${account.ledger.read} of ${records} records.`);
  if (account.unbalancedHours > 0 || account.ledgerDifference !== 0) tell(report, 'The ledger does not balance.');
  if (account.missing.length > 0)
    tell(report, `In the log, and not stored: ${account.missing.slice(0, 20).join(', ')}`);
  // An id that several records have may be of several events: of another session, or another time.
  const doubled = account.doubled.filter((id) => ids.get(id) === 1);
  if (doubled.length > 0) tell(report, `Once in the log, and stored twice: ${doubled.slice(0, 20).join(', ')}`);
  if (account.foreign.length > 0)
    tell(report, `Stored, and not in the log: ${account.foreign.slice(0, 20).join(', ')}`);
  for (const row of [...account.wrongSessions, ...account.wrongRows]) tell(report, `Not as a recount has it: ${row}`);
}

interface Dev {
  url: string;
  writeKey: string;
  token: string;
}

async function endsItself(wayline: TestProcess): Promise<never> {
  const { code, signal } = await wayline.exited;
  throw new Error(`wayline all ended (${signal ?? code}): ${wayline.stderr.slice(-20).join('\n')}`);
}

function isFault(line: string): boolean {
  try {
    return (JSON.parse(line) as { level: number }).level >= PINO_ERROR;
  } catch {
    return true; // of Node itself, as before a crash
  }
}

async function stored({ url, token }: Dev): Promise<void> {
  for (const deadline = Date.now() + 300_000; Date.now() < deadline; await sleep(100)) {
    const response = await fetch(`${url}/v1/ledger`, { headers: { authorization: `Bearer ${token}` } });
    if (((await response.json()) as { pending: number | null }).pending === 0) return;
  }
  throw new Error('Not all is stored after five minutes.');
}
