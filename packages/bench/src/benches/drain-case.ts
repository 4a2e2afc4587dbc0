import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Closers, withClosers } from '@wayline/testkit';
import { runInChild } from '../children/child-process.ts';
import { compareWithStore, rollupFaults } from '../compare/compare-with-store.ts';
import { dumpRows, type RowDump } from '../load/dump-rows.ts';
import type { LoggedWorkload } from '../load/logged-records.ts';
import type { CopyReport } from '../load/run-copy-job.ts';
import { diskUsage } from '../measure/disk-usage.ts';
import { drain } from '../measure/drain.ts';
import type { BenchCase } from '../report/bench-report.ts';
import { asReference, beside } from '../report/summarise.ts';
import { type DrainRun, summariseCopies, summariseDrains } from '../report/summarise-worker.ts';
import { type FreshDatabase, startFreshDatabase, useLogFiles, withClient } from '../servers/fresh-database.ts';
import { emptyTopic } from '../servers/own-kafka.ts';
import type { WorkerSite } from '../servers/worker-site.ts';
import type { BenchFindings } from './bench-findings.ts';
import type { BenchOptions } from './bench-options.ts';

export interface DrainCase {
  name: string;
  workload: LoggedWorkload;
  runs: number;
  /** Whether a raw COPY of the same rows is measured in each run, too. */
  copies: boolean;
}

/** Rows of a COPY: as many as a worker's transaction has. */
const ROWS_PER_COPY = 10_000;
/** The first is the limit; with the second it is seen how much more PostgreSQL could take. */
const COPY_CONNECTIONS = [1, 2];
/** In a drain of so many records memory has the time to show whether it grows. */
const LONG_RECORDS = 5_000_000;
const FLAT_MB = 32;

/** Fills a log once, and has it stored into a PostgreSQL made for each run. The drain comes first of the cases. */
export async function measureDrain(
  closers: Closers,
  { name, workload, runs, copies, site }: DrainCase & { site: WorkerSite },
  { quick, tell }: BenchOptions,
): Promise<BenchFindings> {
  tell(`${name}: filling the log`);
  await emptyTopic(site);
  const content = await runInChild('fill', { log: site.address, workload });
  const drains: DrainRun[] = [];
  const copied = new Map<number, CopyReport[]>();
  const rowsFile = join(site.folder, 'rows');
  let dump: RowDump | undefined;
  while (drains.length < runs) {
    tell(`${name}: run ${drains.length + 1} of ${runs}`);
    await withClosers(closers, async (own) => {
      const database = await startFreshDatabase(own);
      if (!quick) await useLogFiles(database.url); // as the COPY below finds them
      const drained = await drain(site, database, content.records);
      await withClient(database.url, async (client) => {
        const disk = await diskUsage(client);
        const stored = await compareWithStore(client, content, site.address.topic);
        stored.faults.push(...(await rollupFaults(client)));
        drains.push({ drain: drained, disk, stored });
        if (copies) dump ??= await dumpRows(client, rowsFile, ROWS_PER_COPY);
      });
      if (!dump) return;
      for (const connections of quick ? COPY_CONNECTIONS.slice(0, 1) : COPY_CONNECTIONS) {
        const report = await copyAnew(database, dump, connections);
        copied.set(connections, [...(copied.get(connections) ?? []), report]);
      }
    });
  }

  await rm(rowsFile, { force: true });

  const ours = summariseDrains(name, drains);
  const limits = [...copied].map(([connections, reports]) =>
    summariseCopies(`COPY of the rows of "${name}" × ${connections}`, reports),
  );
  const [limit] = limits;
  const found = limit ? beside(ours, { limit: asReference(limit) }) : ours;
  return { cases: [found, ...limits], failures: failuresOf(found, content.records) };
}

/** Into the tables that the worker made, emptied: they are the same, and so are their indexes. */
async function copyAnew(
  { url, postmasterPid }: FreshDatabase,
  dump: RowDump,
  connections: number,
): Promise<CopyReport> {
  await withClient(url, async (client) => {
    await client.query('TRUNCATE events');
    await client.query('CHECKPOINT');
  });
  return runInChild('copy', { url, dump, connections, postmasterPid });
}

/** What must hold of a drain, however fast it is. */
function failuresOf({ case: name, stored = [], memory }: BenchCase, records: number): string[] {
  const failures = stored.flatMap(({ faults }) => faults.map((fault) => `${name}: ${fault}`));
  if (records >= LONG_RECORDS && memory && memory.lastMb - memory.firstMb > FLAT_MB) {
    failures.push(`${name}: memory grew from ${memory.firstMb.toFixed()} to ${memory.lastMb.toFixed()} MB`);
  }
  return failures;
}
