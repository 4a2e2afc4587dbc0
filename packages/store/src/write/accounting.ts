import type { PoolClient } from 'pg';
import { type JudgedRecord, lastRecord, type PartitionBatch, type StoredCounts } from './partition-batch.ts';

const HOUR_MS = 3_600_000;
const NOTHING = { stored: 0, duplicate: 0, deadLettered: 0, erased: 0 };

/** What became of a batch's records: the new rows are `stored`, the other events `duplicate`. */
export interface Accounted {
  batch: PartitionBatch;
  batchId: number;
  /** Records whose events are new rows. */
  stored: Set<JudgedRecord>;
}

export function countsOf({ batch, stored }: Accounted): StoredCounts {
  const deadLettered = batch.records.filter(({ verdict }) => 'deadLetter' in verdict).length;
  const erased = batch.records.filter(({ verdict }) => 'erased' in verdict).length;
  const duplicate = batch.records.length - deadLettered - erased - stored.size;
  return { stored: stored.size, duplicate, deadLettered, ...(erased > 0 && { erased }) };
}

interface LedgerDelta extends Required<StoredCounts> {
  projectId: number;
  hourMs: number;
  topic: string;
  partition: number;
  read: number;
}

function ledgerDeltas(accounted: readonly Accounted[]): LedgerDelta[] {
  const deltas = new Map<string, LedgerDelta>();
  for (const { batch, stored } of accounted) {
    const { topic, partition } = batch;
    let delta: LedgerDelta | undefined;
    for (const record of batch.records) {
      const { projectId } = record;
      const hourMs = Math.floor(record.timeMs / HOUR_MS) * HOUR_MS;
      if (delta?.projectId !== projectId || delta.hourMs !== hourMs) {
        const key = `${projectId} ${hourMs} ${topic} ${partition}`;
        delta = deltas.get(key) ?? { projectId, hourMs, topic, partition, read: 0, ...NOTHING };
        deltas.set(key, delta);
      }
      delta.read++;
      if ('deadLetter' in record.verdict) delta.deadLettered++;
      else if ('erased' in record.verdict) delta.erased++;
      else if (stored.has(record)) delta.stored++;
      else delta.duplicate++;
    }
  }
  return [...deltas.values()].sort(
    (a, b) =>
      a.projectId - b.projectId ||
      a.hourMs - b.hourMs ||
      (a.topic === b.topic ? 0 : a.topic < b.topic ? -1 : 1) ||
      a.partition - b.partition,
  );
}

/** Adds to the ledger: read = stored + duplicate + dead-lettered + erased, per project, hour of the log and partition. */
export async function writeLedger(client: PoolClient, logId: string, accounted: readonly Accounted[]): Promise<void> {
  const deltas = ledgerDeltas(accounted);
  if (deltas.length === 0) return;
  await client.query(
    `INSERT INTO ledger AS l (log_id, project_id, hour, topic, partition, read, stored, duplicate, dead_lettered,
       erased)
     SELECT $1, * FROM unnest($2::integer[], $3::timestamptz[], $4::text[], $5::integer[], $6::bigint[], $7::bigint[],
       $8::bigint[], $9::bigint[], $10::bigint[])
     ON CONFLICT (project_id, hour, log_id, topic, partition) DO UPDATE SET
       read = l.read + excluded.read, stored = l.stored + excluded.stored,
       duplicate = l.duplicate + excluded.duplicate, dead_lettered = l.dead_lettered + excluded.dead_lettered,
       erased = l.erased + excluded.erased`,
    [
      logId,
      deltas.map((d) => d.projectId),
      deltas.map((d) => new Date(d.hourMs).toISOString()),
      deltas.map((d) => d.topic),
      deltas.map((d) => d.partition),
      deltas.map((d) => d.read),
      deltas.map((d) => d.stored),
      deltas.map((d) => d.duplicate),
      deltas.map((d) => d.deadLettered),
      deltas.map((d) => d.erased),
    ],
  );
}

/** Keeps what can never be stored: reason, bytes, headers and origin; unique on its position in the log. */
export async function writeDeadLetters(
  client: PoolClient,
  logId: string,
  batches: readonly PartitionBatch[],
): Promise<void> {
  for (const { topic, partition, records } of batches) {
    for (const { verdict, offset, timeMs, projectId, original } of records) {
      if (!('deadLetter' in verdict)) continue;
      const { code, detail, eventId, sessionId } = verdict.deadLetter;
      const { key, value, headers } = original;
      const headerTexts = Object.entries(headers).map(([name, bytes]) => [
        storableText(name),
        storableText(bytes.toString()),
      ]);
      await client.query(
        `INSERT INTO dead_letters (project_id, log_id, topic, partition, log_offset, log_time, code, detail, event_id,
           session_id, record_key, record_value, record_headers)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`,
        [
          projectId,
          logId,
          topic,
          partition,
          offset,
          new Date(timeMs).toISOString(),
          code,
          storableText(detail),
          eventId ?? null,
          sessionId === undefined ? null : storableText(sessionId),
          key,
          value,
          JSON.stringify(Object.fromEntries(headerTexts)),
        ],
      );
    }
  }
}

/** Dead letters are what PostgreSQL cannot hold; what is told of them must fit all the same. */
const storableText = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed();

/** One row a partition: which offsets were stored, when, and what became of them. Cursors and the tail go by these. */
export async function writeBatchRows(
  client: PoolClient,
  logId: string,
  accounted: readonly Accounted[],
): Promise<void> {
  const counts = accounted.map(countsOf);
  await client.query(
    `INSERT INTO batches (log_id, id, topic, partition, first_offset, next_offset, first_log_time, last_log_time, stored,
       duplicate, dead_lettered, erased)
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::timestamptz[],
       $8::timestamptz[], $9::integer[], $10::integer[], $11::integer[], $12::integer[])`,
    [
      logId,
      accounted.map(({ batchId }) => batchId),
      accounted.map(({ batch }) => batch.topic),
      accounted.map(({ batch }) => batch.partition),
      accounted.map(({ batch }) => batch.firstOffset),
      accounted.map(({ batch }) => batch.nextOffset),
      accounted.map(({ batch }) => new Date((batch.records[0] as JudgedRecord).timeMs).toISOString()),
      accounted.map(({ batch }) => new Date(lastRecord(batch).timeMs).toISOString()),
      counts.map(({ stored }) => stored),
      counts.map(({ duplicate }) => duplicate),
      counts.map(({ deadLettered }) => deadLettered),
      counts.map(({ erased = 0 }) => erased),
    ],
  );
}
