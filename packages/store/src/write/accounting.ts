import { bigints, integers, texts, timestamps } from './binary-array.ts';
import { type JudgedRecord, lastRecord, type PartitionBatch, type Share } from './partition-batch.ts';
import type { Sender } from './send-together.ts';
import { countsOf, type DeadRecord } from './shares.ts';

/** Adds to the ledger: read = stored + duplicate + dead-lettered + erased, per project, hour of the log and partition. */
export async function writeLedger(client: Sender, logId: string, shares: readonly Share[]): Promise<void> {
  const sorted = [...shares].sort(
    (a, b) =>
      a.projectId - b.projectId ||
      a.hourMs - b.hourMs ||
      (a.batch.topic === b.batch.topic ? 0 : a.batch.topic < b.batch.topic ? -1 : 1) ||
      a.batch.partition - b.batch.partition,
  );
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
      integers(sorted.map(({ projectId }) => projectId)),
      timestamps(sorted.map(({ hourMs }) => hourMs)),
      texts(sorted.map(({ batch }) => batch.topic)),
      integers(sorted.map(({ batch }) => batch.partition)),
      bigints(sorted.map(({ read }) => read)),
      bigints(sorted.map(({ stored }) => stored)),
      bigints(sorted.map(({ duplicate }) => duplicate)),
      bigints(sorted.map(({ deadLettered }) => deadLettered)),
      bigints(sorted.map(({ erased }) => erased)),
    ],
  );
}

/** Keeps what can never be stored: reason, bytes, headers and origin; unique on its position in the log. */
export async function writeDeadLetters(client: Sender, logId: string, dead: readonly DeadRecord[]): Promise<void> {
  for (const { batch, record, letter } of dead) {
    const { code, detail, eventId, sessionId } = letter;
    const { key, value, headers } = record.original;
    const headerTexts = Object.entries(headers).map(([name, bytes]) => [
      storableText(name),
      storableText(bytes.toString()),
    ]);
    await client.query(
      `INSERT INTO dead_letters (project_id, log_id, topic, partition, log_offset, log_time, code, detail, event_id,
         session_id, record_key, record_value, record_headers)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`,
      [
        record.projectId,
        logId,
        batch.topic,
        batch.partition,
        record.offset,
        new Date(record.timeMs).toISOString(),
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

/** Dead letters are what PostgreSQL cannot hold; what is told of them must fit all the same. */
const storableText = (text: string): string => text.replaceAll('\0', '\uFFFD').toWellFormed();

const finite = (ms: number): number | undefined => (Number.isFinite(ms) ? ms : undefined);

/** A batch as it is booked. */
export interface BookedBatch {
  batch: PartitionBatch;
  batchId: number;
  shares: readonly Share[];
}

/** One row a partition: which offsets were stored, when, and what became of them. Cursors and the tail go by these. */
export async function writeBatchRows(client: Sender, logId: string, booked: readonly BookedBatch[]): Promise<void> {
  const counts = booked.map(({ shares }) => countsOf(shares));
  await client.query(
    `INSERT INTO batches (log_id, id, topic, partition, first_offset, next_offset, first_log_time, last_log_time, stored,
       duplicate, dead_lettered, erased, occurred_from, occurred_to)
     SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::integer[], $5::bigint[], $6::bigint[], $7::timestamptz[],
       $8::timestamptz[], $9::integer[], $10::integer[], $11::integer[], $12::integer[], $13::timestamptz[],
       $14::timestamptz[])`,
    [
      logId,
      bigints(booked.map(({ batchId }) => batchId)),
      texts(booked.map(({ batch }) => batch.topic)),
      integers(booked.map(({ batch }) => batch.partition)),
      bigints(booked.map(({ batch }) => batch.firstOffset)),
      bigints(booked.map(({ batch }) => batch.nextOffset)),
      timestamps(booked.map(({ batch }) => (batch.records[0] as JudgedRecord).timeMs)),
      timestamps(booked.map(({ batch }) => lastRecord(batch).timeMs)),
      integers(counts.map(({ stored }) => stored)),
      integers(counts.map(({ duplicate }) => duplicate)),
      integers(counts.map(({ deadLettered }) => deadLettered)),
      integers(counts.map(({ erased = 0 }) => erased)),
      timestamps(booked.map(({ shares }) => finite(Math.min(...shares.map(({ fromMs }) => fromMs))))),
      timestamps(booked.map(({ shares }) => finite(Math.max(...shares.map(({ toMs }) => toMs))))),
    ],
  );
}
