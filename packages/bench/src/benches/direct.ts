import { directSubject, TOPICS } from '@wayline/contracts';
import { type Closers, startSchemaRegistry, withClosers } from '@wayline/testkit';
import type { DirectRecords, LoggedWorkload } from '../load/logged-records.ts';
import type { Reference } from '../report/bench-report.ts';
import { asReference, beside } from '../report/summarise.ts';
import { startFreshDatabase } from '../servers/fresh-database.ts';
import { emptyTopic } from '../servers/own-kafka.ts';
import { makeKey, openWorkerSite, registerSchemas, type WorkerSite } from '../servers/worker-site.ts';
import type { BenchFindings } from './bench-findings.ts';
import type { BenchOptions } from './bench-options.ts';
import { measureDrain } from './drain-case.ts';

const RECORDS = 300_000;
const QUICK_RECORDS = 4_000;
const RUNS = 3;
const DAY_MS = 86_400_000;

/** The limit: the same events as ingest writes them. */
const THROUGH_INGEST = 'drain of wayline.events';
const PLAIN = 'straight to Kafka, plain JSON';
const FRAMED = 'straight to Kafka, framed';

/**
 * What one worker stores of `wayline.direct`, whose records it authenticates and validates, and looks up the schemas of;
 * beside the same events in `wayline.events`, which ingest has judged.
 */
export async function benchDirect(closers: Closers, options: BenchOptions): Promise<BenchFindings> {
  const { only = '', quick, runs = quick ? 1 : RUNS } = options;
  const findings: BenchFindings = { cases: [], failures: [] };
  const wanted = [PLAIN, FRAMED].filter((name) => name.includes(only));
  if (wanted.length === 0 && !THROUGH_INGEST.includes(only)) return findings;
  options.tell('starting what is needed');
  const { site, framedSite, writeKey, schemaId } = await openDirectSite(closers, options);
  const workload = workloadOf(options);
  let limit: Reference | undefined;

  async function measure(name: string, at: WorkerSite, direct?: DirectRecords): Promise<void> {
    // The worker reads both topics.
    await emptyTopic({ address: { ...site.address, topic: TOPICS.events } });
    await emptyTopic({ address: { ...site.address, topic: TOPICS.direct } });
    const drainCase = { name, workload: { ...workload, ...(direct && { direct }) }, runs, copies: false, site: at };
    const { cases, failures } = await measureDrain(closers, drainCase, options);
    findings.cases.push(...cases.map((found) => beside(found, { ...(limit && { limit }) })));
    findings.failures.push(...failures);
    limit ??= cases[0] && asReference(cases[0]);
  }

  await measure(THROUGH_INGEST, site);
  if (wanted.includes(PLAIN)) await measure(PLAIN, onDirect(site), { writeKey });
  if (wanted.includes(FRAMED)) await measure(FRAMED, onDirect(framedSite), { writeKey, schemaId });
  return findings;
}

const onDirect = (site: WorkerSite): WorkerSite => ({ ...site, address: { ...site.address, topic: TOPICS.direct } });

/** A Kafka, and a key; and the same with a schema registry, which knows the schema. */
async function openDirectSite(closers: Closers, options: BenchOptions) {
  const site = await openWorkerSite(closers, options);
  const registry = await startSchemaRegistry();
  closers.add(() => registry.close());
  const framedSite = { ...site, env: { ...site.env, SCHEMA_REGISTRY_URL: registry.url } };
  const writeKey = await withClosers(closers, async (own) => {
    const { url } = await startFreshDatabase(own);
    await registerSchemas(framedSite, url);
    return (await makeKey(site, url)).writeKey;
  });
  const [schemaId] = registry.schemas.versionsOf(directSubject().name);
  if (schemaId === undefined) throw new Error('The schema was not registered');
  return { site, framedSite, writeKey, schemaId };
}

/** All of a day that is over, so that there is one partition whatever the time is now; in the window of every key. */
function workloadOf({ quick, events }: BenchOptions): LoggedWorkload {
  const start = new Date((Math.floor(Date.now() / DAY_MS) - 1) * DAY_MS).toISOString();
  return { records: Math.round(events ?? (quick ? QUICK_RECORDS : RECORDS)), repeatedShare: 0, hours: 2, start };
}
