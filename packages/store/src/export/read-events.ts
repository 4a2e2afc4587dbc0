import type { Source } from '../names.ts';
import { type EventRecord, type StoredEvent, toStoredEvent } from '../queries/stored-event.ts';
import type { LongReader } from '../read-long.ts';
import { BinaryRows } from './binary-rows.ts';
import { type EventSelection, selectEvents } from './select-events.ts';

/**
 * Events, in lists of as many as came with a chunk of the database: at most some hundreds, and sometimes none. The database waits
 * while nobody asks for the next list.
 */
export async function* readEvents(reader: LongReader, selection: EventSelection): AsyncGenerator<StoredEvent[]> {
  const rows = new BinaryRows();
  for await (const chunk of reader.copy(selectEvents(selection))) {
    rows.push(chunk);
    const events: StoredEvent[] = [];
    while (rows.next()) events.push(toStoredEvent(readRecord(rows)));
    yield events;
  }
}

/** The fields of `EVENT_COLUMNS`, in their order. */
function readRecord(rows: BinaryRows): EventRecord {
  return {
    event_id: rows.uuid() as string,
    session_id: rows.text() as string,
    occurred_at: rows.timestamp() as number,
    received_at: rows.timestamp() as number,
    skew_ms: rows.integer() as number,
    user_id: rows.text(),
    anonymous_id: rows.text(),
    machine_id: rows.text(),
    platform: rows.smallint(),
    target: rows.text(),
    page: rows.text(),
    referrer: rows.text(),
    value: rows.double(),
    seq: rows.bigint(),
    context: rows.text(),
    type: rows.text() as string,
    namespace: rows.text() as string,
    user_agent: rows.text(),
    inline_source: sourceOf(rows.text()),
    source_kind: rows.smallint(),
    source_name: rows.text(),
    source_version: rows.text(),
    source_instance: rows.text(),
  };
}

const sourceOf = (json: string | null): Source | null => (json === null ? null : (JSON.parse(json) as Source));
