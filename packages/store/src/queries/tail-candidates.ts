import { readEventTables } from '../maintenance/event-tables.ts';
import { NAME_KINDS, nameId, SOURCE_KINDS } from '../names.ts';
import type { Reader } from '../read-only.ts';
import { INLINE_SOURCE } from './stored-event.ts';
import type { TailBatch } from './tail-batches.ts';

/** What a reader of the tail asks for; what is absent is not asked about. */
export interface TailFilter {
  projectId: number;
  sessionId?: string | undefined;
  /** The `userId` or the `anonymousId` of the event. */
  userId?: string | undefined;
  machineId?: string | undefined;
  type?: string | undefined;
  namespace?: string | undefined;
  app?: string | undefined;
  microservice?: string | undefined;
}

/** As much of an event as it takes to tell whether somebody asks for it, and to find it again. */
export interface TailCandidate {
  projectId: number;
  batchId: number;
  /** Its offset, counted from the first of the batch. */
  index: number;
  sessionId: string;
  /** timestamptz as PostgreSQL writes it: with the session and the id it is the key. */
  occurredAt: string;
  eventId: string;
  userId: string | null;
  anonymousId: string | null;
  machineId: string | null;
  /** Ids as decimal texts; null where the name stands in `inlineNames`. */
  typeId: string | null;
  namespaceId: string | null;
  inlineNames: { type?: string; namespace?: string } | null;
  /** `app` or `microservice`, a space, and the name; null where there is none, or no filter asks for it. */
  source: string | null;
}

type CandidateRow = [
  projectId: number,
  batchId: number,
  index: number,
  sessionId: string,
  occurredAt: string,
  eventId: string,
  userId: string | null,
  anonymousId: string | null,
  machineId: string | null,
  typeId: string | null,
  namespaceId: string | null,
  inlineNames: TailCandidate['inlineNames'],
  source: string | null,
];

const idOf = (kind: 'type' | 'namespace', name: string): string => nameId(NAME_KINDS[kind], name);

/** Whether a filter asks for one session, machine or user: for few events, however many there are. */
export const isKeyed = ({ sessionId, machineId, userId }: TailFilter): boolean =>
  (sessionId ?? machineId ?? userId) !== undefined;

/**
 * Events of batches that at least one of the filters may want, in no order, at most `limit`. Names are compared by their
 * ids here: whether it is the name itself is for whoever reads the event.
 *
 * By the index on `batch_id`. The partitions are named, since a condition on `occurred_at` would also lead through the
 * primary key, a step for each session; what is added to columns (0, nothing) keeps the planner from the other indexes,
 * and from reading this one once for each batch.
 */
export async function tailCandidates(
  reader: Reader,
  batches: readonly TailBatch[],
  { filters, limit }: { filters: readonly TailFilter[]; limit: number },
): Promise<TailCandidate[]> {
  if (batches.length === 0 || filters.length === 0) return [];
  const { fromMs, toMs } = timesOf(batches);
  const tables = (await readEventTables(reader)).filter((table) => table.fromMs <= toMs && table.toMs > fromMs);
  if (tables.length === 0) return [];
  const ids = batches.map(({ id }) => id);
  const values: unknown[] = [
    ids.reduce((a, b) => Math.min(a, b)),
    ids.reduce((a, b) => Math.max(a, b)),
    ids,
    [...new Set(filters.map(({ projectId }) => projectId))],
    limit,
  ];
  const bySource = filters.some((filter) => sourceOf(filter) !== undefined);
  const wanted = wantedOnly(filters, values);
  const select = ({ table }: { table: string }): string =>
    `SELECT e.project_id, e.batch_id, e.batch_index, e.session_id, e.occurred_at::text, e.event_id, e.user_id,
       e.anonymous_id, e.machine_id, e.type_id::text, e.namespace_id::text, e.inline_names,
       ${bySource ? SOURCE : 'NULL::text'} AS source
     FROM ${table} e ${bySource ? JOIN_SOURCES : ''}
     WHERE e.batch_id BETWEEN $1 AND $2 AND e.batch_id + 0 = ANY ($3::bigint[])
       AND e.project_id + 0 = ANY ($4::integer[]) ${wanted}`;
  const query = { rowMode: 'array', text: `${tables.map(select).join(' UNION ALL ')} LIMIT $5`, values } as const;
  await reader.query(BY_INDEX);
  const { rows } = await reader.query<CandidateRow>(query);
  return rows.map(toCandidate);
}

/** Of a partition that was never analyzed the planner takes it that this index would not help. For the transaction. */
export const BY_INDEX = 'SET LOCAL enable_seqscan = off; SET LOCAL max_parallel_workers_per_gather = 0';

const SOURCE = `(coalesce(CASE source.kind WHEN ${SOURCE_KINDS.app} THEN 'app' WHEN ${SOURCE_KINDS.microservice} THEN 'microservice' END,
  ${INLINE_SOURCE} ->> 'kind') || ' ' || coalesce(source.name, ${INLINE_SOURCE} ->> 'name'))`;
const JOIN_SOURCES = 'LEFT JOIN sources source ON source.project_id = e.project_id AND source.id = e.source_id';

/** Between which `occurred_at` the batches lie; open where one does not say. */
function timesOf(batches: readonly TailBatch[]): { fromMs: number; toMs: number } {
  const fromMs = batches.map(({ occurredFrom }) => occurredFrom ?? Number.NEGATIVE_INFINITY);
  const toMs = batches.map(({ occurredTo }) => occurredTo ?? Number.POSITIVE_INFINITY);
  return { fromMs: fromMs.reduce((a, b) => Math.min(a, b)), toMs: toMs.reduce((a, b) => Math.max(a, b)) };
}

/** What no filter may want is left out by PostgreSQL, where that can be said in few words. */
function wantedOnly(filters: readonly TailFilter[], values: unknown[]): string {
  const place = (value: unknown): string => `$${values.push(value)}`;
  const [first, ...others] = filters;
  if (filters.every(isKeyed)) return keyedOnly(filters, place);
  return first && others.length === 0 ? namedOnly(first, place) : '';
}

function keyedOnly(filters: readonly TailFilter[], place: (value: unknown) => string): string {
  const sessions = filters.flatMap(({ sessionId }) => sessionId ?? []);
  const machines = filters.flatMap(({ sessionId, machineId }) => (sessionId === undefined ? (machineId ?? []) : []));
  const users = filters.flatMap(({ sessionId, machineId, userId }) => ((sessionId ?? machineId) ? [] : (userId ?? [])));
  const conditions: string[] = [];
  if (sessions.length > 0) conditions.push(`e.session_id || '' = ANY (${place(sessions)}::text[])`);
  if (machines.length > 0) conditions.push(`e.machine_id || '' = ANY (${place(machines)}::text[])`);
  if (users.length > 0) {
    const list = place(users);
    conditions.push(`e.user_id = ANY (${list}::text[])`, `e.anonymous_id = ANY (${list}::text[])`);
  }
  return `AND (${conditions.join(' OR ')})`;
}

function namedOnly(filter: TailFilter, place: (value: unknown) => string): string {
  const { type, namespace } = filter;
  const source = sourceOf(filter);
  const conditions: string[] = [];
  if (type !== undefined) {
    conditions.push(`(e.type_id = ${place(idOf('type', type))} OR e.inline_names ->> 'type' = ${place(type)})`);
  }
  if (namespace !== undefined) {
    const [id, name] = [place(idOf('namespace', namespace)), place(namespace)];
    conditions.push(`(e.namespace_id = ${id} OR e.inline_names ->> 'namespace' = ${name})`);
  }
  if (source !== undefined) conditions.push(`${SOURCE} = ${place(source)}`);
  return conditions.map((condition) => `AND ${condition}`).join(' ');
}

function toCandidate(row: CandidateRow): TailCandidate {
  return {
    projectId: row[0],
    batchId: row[1],
    index: row[2],
    sessionId: row[3],
    occurredAt: row[4],
    eventId: row[5],
    userId: row[6],
    anonymousId: row[7],
    machineId: row[8],
    typeId: row[9],
    namespaceId: row[10],
    inlineNames: row[11],
    source: row[12],
  };
}

/** As `TailCandidate.source` is written. */
function sourceOf({ app, microservice }: TailFilter): string | undefined {
  if (app !== undefined) return `app ${app}`;
  return microservice === undefined ? undefined : `microservice ${microservice}`;
}

/** A filter ready to be held against many candidates. */
export function tailMatcher(filter: TailFilter): (candidate: TailCandidate) => boolean {
  const { projectId, sessionId, userId, machineId, type, namespace } = filter;
  const typeId = type === undefined ? undefined : idOf('type', type);
  const namespaceId = namespace === undefined ? undefined : idOf('namespace', namespace);
  const source = sourceOf(filter);
  return (candidate) =>
    candidate.projectId === projectId &&
    (sessionId === undefined || candidate.sessionId === sessionId) &&
    (machineId === undefined || candidate.machineId === machineId) &&
    (userId === undefined || candidate.userId === userId || candidate.anonymousId === userId) &&
    (typeId === undefined || candidate.typeId === typeId || candidate.inlineNames?.type === type) &&
    (namespaceId === undefined ||
      candidate.namespaceId === namespaceId ||
      candidate.inlineNames?.namespace === namespace) &&
    (source === undefined || candidate.source === source);
}
