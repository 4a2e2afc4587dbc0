import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { PLATFORMS } from '../names.ts';
import { copyField } from './copy-text.ts';
import type { ResolvedNames } from './name-registry.ts';
import type { JudgedRecord, StorableEvent } from './partition-batch.ts';

/** An event on its way into a partition of `events`. */
export interface EventRow extends StorableEvent {
  projectId: number;
  batchId: string;
  /** Offset of the record less the first offset of its batch. */
  batchIndex: number;
  record: JudgedRecord;
  names: ResolvedNames;
}

const COLUMNS = `occurred_at, received_at, batch_id, type_id, namespace_id, source_id, user_agent_id, seq, value,
  project_id, skew_ms, batch_index, platform, event_id, session_id, user_id, anonymous_id, machine_id, target, page,
  referrer, context, inline_names`;

/** By the primary key, so that transactions over the same rows wait for one another and never in a circle. */
export function compareRows(a: EventRow, b: EventRow): number {
  return (
    a.projectId - b.projectId ||
    (a.event.sessionId === b.event.sessionId ? 0 : a.event.sessionId < b.event.sessionId ? -1 : 1) ||
    a.times.keyMs - b.times.keyMs ||
    (a.event.eventId < b.event.eventId ? -1 : a.event.eventId > b.event.eventId ? 1 : 0)
  );
}

function encodeRow(row: EventRow): string {
  const { event, times, names } = row;
  return [
    new Date(times.keyMs).toISOString(),
    new Date(row.receivedMs).toISOString(),
    row.batchId,
    names.typeId,
    names.namespaceId,
    names.sourceId,
    names.userAgentId,
    event.seq,
    event.value,
    row.projectId,
    times.skewMs,
    row.batchIndex,
    event.platform && PLATFORMS[event.platform],
    event.eventId,
    event.sessionId,
    event.userId,
    event.anonymousId,
    event.machineId,
    event.target,
    event.page,
    event.referrer,
    event.context && JSON.stringify(event.context),
    names.inline && JSON.stringify(names.inline),
  ]
    .map(copyField)
    .join('\t');
}

async function copyInto(client: PoolClient, table: string, rows: readonly EventRow[]): Promise<void> {
  const text = `${rows.map(encodeRow).join('\n')}\n`;
  const stream = client.query(copyFrom(`COPY ${table} (${COLUMNS}) FROM STDIN`));
  await new Promise<void>((resolve, reject) => {
    stream.on('finish', resolve);
    stream.on('error', reject);
    stream.end(text);
  });
}

/** Straight into one partition. Fails as a whole with 23505 if any row is there already. */
export function copyRows(client: PoolClient, table: string, rows: readonly EventRow[]): Promise<void> {
  return copyInto(client, table, rows);
}

/** Through a temporary table, passing over rows that are there already; returns those that were new. */
export async function mergeRows(client: PoolClient, table: string, rows: readonly EventRow[]): Promise<EventRow[]> {
  await client.query(
    `CREATE TEMPORARY TABLE IF NOT EXISTS staged_events (LIKE events) ON COMMIT DELETE ROWS; TRUNCATE staged_events`,
  );
  await copyInto(client, 'staged_events', rows);
  const { rows: inserted } = await client.query<{ batch_id: string; batch_index: number }>(
    `INSERT INTO ${table} (${COLUMNS})
     SELECT ${COLUMNS} FROM staged_events ORDER BY project_id, session_id, occurred_at, event_id
     ON CONFLICT DO NOTHING
     RETURNING batch_id::text, batch_index`,
  );
  const fresh = new Set(inserted.map(({ batch_id, batch_index }) => `${batch_id} ${batch_index}`));
  return rows.filter(({ batchId, batchIndex }) => fresh.has(`${batchId} ${batchIndex}`));
}
