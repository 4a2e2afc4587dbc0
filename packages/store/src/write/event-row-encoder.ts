import type { ByteInterner } from './byte-interner.ts';
import { BinaryCopyWriter } from './copy-binary.ts';
import { FRAME_BYTES } from './copy-in.ts';
import { FLAG, FLOAT, FLOATS, INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';
import type { NameEntry, SourceEntry } from './name-registry.ts';
import type { Share } from './partition-batch.ts';
import type { RowNames } from './row-names.ts';

/** Events on their way into partitions of `events`, their names looked up. */
export interface EventRows {
  table: EventTable;
  names: RowNames;
  /** By `INT.share`. */
  shareOfRow: readonly Share[];
}

/** The columns of `events` in the order in which they are written. */
export const COLUMNS = [
  'occurred_at, received_at, batch_id, type_id, namespace_id, source_id, user_agent_id, seq, value, project_id, skew_ms',
  'batch_index, platform, event_id, session_id, user_id, anonymous_id, machine_id, target, page, referrer, context',
  'inline_names',
].join(', ');
const FIELDS = COLUMNS.split(',').length;
/** So much is handed on at a time: PostgreSQL takes it in while the next is encoded. */
const CHUNK_BYTES = 128 * 1024;

/** The rows in PostgreSQL's binary format of COPY, a chunk at a time, with room in front of each for its frame. Each is over when the next is asked for. */
export function* encodeRows(rows: Int32Array, of: EventRows): Generator<Buffer, void, undefined> {
  const encoder = new BinaryCopyWriter(FIELDS, CHUNK_BYTES + 16 * 1024, FRAME_BYTES);
  for (let i = 0; i < rows.length; i++) {
    encodeRow(encoder, rows[i] as number, of);
    if (encoder.length < CHUNK_BYTES) continue;
    yield encoder.lend();
    encoder.skip(FRAME_BYTES);
  }
  encoder.end();
  yield encoder.lend();
}

function encodeRow(to: BinaryCopyWriter, row: number, { table, names, shareOfRow }: EventRows): void {
  const { ints, floats } = table;
  const at = row * INTS;
  const atFloat = row * FLOATS;
  const projectId = ints[at + INT.project] as number;
  const known = names.ofProject(projectId);
  const type = known.types[ints[at + INT.type] as number] as NameEntry;
  const namespace = known.namespaces[ints[at + INT.namespace] as number] as NameEntry;
  const source = known.sources[ints[at + INT.source] as number];
  const userAgent = known.userAgents[ints[at + INT.userAgent] as number];
  const flags = ints[at + INT.flags] as number;
  const platform = ints[at + INT.platform] as number;
  to.beginRow();
  to.timestamptz(floats[atFloat + FLOAT.keyMs]);
  to.timestamptz(floats[atFloat + FLOAT.receivedMs]);
  to.bigint((shareOfRow[ints[at + INT.share] as number] as Share).batchId);
  to.int64(type.taken ? undefined : type.id);
  to.int64(namespace.taken ? undefined : namespace.id);
  to.int64(source === undefined || source.taken ? undefined : source.id);
  to.int64(userAgent === undefined || userAgent.taken ? undefined : userAgent.id);
  to.bigint(flags & FLAG.seq ? floats[atFloat + FLOAT.seq] : undefined);
  to.double(flags & FLAG.value ? floats[atFloat + FLOAT.value] : undefined);
  to.integer(projectId);
  to.integer(ints[at + INT.skew]);
  to.integer(ints[at + INT.index]);
  to.smallint(platform === 0 ? undefined : platform);
  to.uuidOf(ints, at + INT.id);
  numberedText(to, table.sessions, ints[at + INT.session] as number);
  numberedText(to, table.users, ints[at + INT.user] as number);
  numberedText(to, table.users, ints[at + INT.anonymous] as number);
  numberedText(to, table.machines, ints[at + INT.machine] as number);
  const buffer = table.bufferOf(row);
  to.textOf(buffer, ints[at + INT.target] as number, ints[at + INT.target + 1] as number);
  to.textOf(buffer, ints[at + INT.page] as number, ints[at + INT.page + 1] as number);
  to.textOf(buffer, ints[at + INT.referrer] as number, ints[at + INT.referrer + 1] as number);
  to.textOf(buffer, ints[at + INT.context] as number, ints[at + INT.context + 1] as number);
  to.text(inlineNames(type, namespace, { userAgent, source }));
}

function numberedText(to: BinaryCopyWriter, interner: ByteInterner, number: number): void {
  if (number < 0) to.null();
  else to.textOf(interner.bufferOf(number), interner.startOf(number), interner.lengthOf(number));
}

/** Of the names whose hash belongs to another name, JSON. */
function inlineNames(
  type: NameEntry,
  namespace: NameEntry,
  { userAgent, source }: { userAgent: NameEntry | undefined; source: SourceEntry | undefined },
): string | undefined {
  if (!type.taken && !namespace.taken && !userAgent?.taken && !source?.taken) return undefined;
  return JSON.stringify({
    ...(type.taken && { type: type.name }),
    ...(namespace.taken && { namespace: namespace.name }),
    ...(userAgent?.taken && { userAgent: userAgent.name }),
    ...(source?.taken && { source: source.source }),
  });
}
