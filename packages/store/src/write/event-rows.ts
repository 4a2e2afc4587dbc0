import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import type { EventTimes, IdentifiedEvent } from '@wayline/contracts';
import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { PLATFORMS } from '../names.ts';
import { BinaryCopyWriter } from './copy-binary.ts';
import type { NameEntry, SourceEntry } from './name-registry.ts';
import type { JudgedRecord, Share, StorableEvent } from './partition-batch.ts';

/** An event on its way into a partition of `events`, its names looked up. */
export interface EventRow {
  event: IdentifiedEvent;
  times: EventTimes;
  record: JudgedRecord;
  stored: StorableEvent;
  share: Share;
  type: NameEntry;
  namespace: NameEntry;
  userAgent: NameEntry | undefined;
  source: SourceEntry | undefined;
}

const COLUMNS = [
  'occurred_at, received_at, batch_id, type_id, namespace_id, source_id, user_agent_id, seq, value, project_id, skew_ms',
  'batch_index, platform, event_id, session_id, user_id, anonymous_id, machine_id, target, page, referrer, context',
  'inline_names',
].join(', ');
const FIELDS = COLUMNS.split(',').length;
/** So much is handed to the connection at a time: PostgreSQL takes it in while the next is encoded. */
const CHUNK_BYTES = 128 * 1024;

const compareText = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

const compareInSession = (a: EventRow, b: EventRow): number =>
  a.times.keyMs - b.times.keyMs || compareText(a.event.eventId, b.event.eventId);

/** Whether two rows have the same primary key. */
export const isSameKey = (a: EventRow, b: EventRow): boolean =>
  a.times.keyMs === b.times.keyMs &&
  a.event.eventId === b.event.eventId &&
  a.event.sessionId === b.event.sessionId &&
  a.share.projectId === b.share.projectId;

/**
 * By the primary key, so that transactions over the same rows wait for one another and never in a circle; rows of the
 * same key stay in their order. Gathered by session first: there are far fewer sessions than rows, and within one the
 * rows are most often in order.
 */
export function sortRows(rows: readonly EventRow[]): EventRow[] {
  const projects = new Map<number, Map<string, EventRow[]>>();
  for (const row of rows) {
    const { projectId } = row.share;
    let sessions = projects.get(projectId);
    if (!sessions) {
      sessions = new Map();
      projects.set(projectId, sessions);
    }
    const session = sessions.get(row.event.sessionId);
    if (session) session.push(row);
    else sessions.set(row.event.sessionId, [row]);
  }
  const sorted: EventRow[] = [];
  for (const [, sessions] of [...projects].sort(([a], [b]) => a - b)) {
    for (const [, session] of [...sessions].sort(([a], [b]) => compareText(a, b))) {
      if (session.length > 1) session.sort(compareInSession);
      for (const row of session) sorted.push(row);
    }
  }
  return sorted;
}

function encodeRow(to: BinaryCopyWriter, row: EventRow): void {
  const { event, times, record, share, type, namespace, userAgent, source } = row;
  to.beginRow();
  to.timestamptz(times.keyMs);
  to.timestamptz(row.stored.receivedMs);
  to.bigint(share.batchId);
  to.int64(type.taken ? undefined : type.id);
  to.int64(namespace.taken ? undefined : namespace.id);
  to.int64(source === undefined || source.taken ? undefined : source.id);
  to.int64(userAgent === undefined || userAgent.taken ? undefined : userAgent.id);
  to.bigint(event.seq);
  to.double(event.value);
  to.integer(share.projectId);
  to.integer(times.skewMs);
  to.integer(record.offset - share.batch.firstOffset);
  to.smallint(event.platform && PLATFORMS[event.platform]);
  to.uuid(event.eventId);
  to.text(event.sessionId);
  to.text(event.userId);
  to.text(event.anonymousId);
  to.text(event.machineId);
  to.text(event.target);
  to.text(event.page);
  to.text(event.referrer);
  to.text(event.context && JSON.stringify(event.context));
  to.text(inlineNames(row));
}

/** Of the names whose hash belongs to another name, JSON. */
function inlineNames({ type, namespace, userAgent, source }: EventRow): string | undefined {
  if (!type.taken && !namespace.taken && !userAgent?.taken && !source?.taken) return undefined;
  return JSON.stringify({
    ...(type.taken && { type: type.name }),
    ...(namespace.taken && { namespace: namespace.name }),
    ...(userAgent?.taken && { userAgent: userAgent.name }),
    ...(source?.taken && { source: source.source }),
  });
}

async function copyInto(client: PoolClient, table: string, rows: readonly EventRow[]): Promise<void> {
  const stream = client.query(copyFrom(`COPY ${table} (${COLUMNS}) FROM STDIN (FORMAT binary)`));
  const done = finished(stream);
  done.catch(() => undefined); // it is awaited below; until then a failure must not go unhandled
  const encoder = new BinaryCopyWriter(FIELDS, CHUNK_BYTES + 16 * 1024);
  try {
    for (const row of rows) {
      encodeRow(encoder, row);
      if (encoder.length >= CHUNK_BYTES && !stream.write(encoder.take())) {
        await Promise.race([once(stream, 'drain'), done]);
      }
    }
    encoder.end();
    stream.end(encoder.take());
  } catch (error) {
    stream.destroy(error as Error); // tells PostgreSQL that no more comes
  }
  await done;
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
  const { rows: inserted } = await client.query<{ batch_id: number; batch_index: number }>(
    `INSERT INTO ${table} (${COLUMNS})
     SELECT ${COLUMNS} FROM staged_events ORDER BY project_id, session_id, occurred_at, event_id
     ON CONFLICT DO NOTHING
     RETURNING batch_id, batch_index`,
  );
  const fresh = new Set(inserted.map(({ batch_id, batch_index }) => `${batch_id} ${batch_index}`));
  return rows.filter(({ record, share }) => fresh.has(`${share.batchId} ${record.offset - share.batch.firstOffset}`));
}
