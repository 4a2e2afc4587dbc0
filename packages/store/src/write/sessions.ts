import { bigints, integers, interned, smallints, texts, timestamps, uuidsOfRows } from './binary-array.ts';
import { FLOAT, FLOATS, INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';
import type { NameEntry } from './name-registry.ts';
import { PairNumbers } from './pair-numbers.ts';
import type { RowNames } from './row-names.ts';
import { compareEventIds, isSameSession } from './row-order.ts';
import type { Sender } from './send-together.ts';

const NONE = -1;

/** What a batch's new rows say of one session, or of one machine within one. */
interface Span {
  projectId: number;
  firstMs: number;
  lastMs: number;
  count: number;
}

interface SessionDelta extends Span {
  /** By their numbers in the table. */
  session: number;
  startedMs: number | undefined;
  endedMs: number | undefined;
  refreshedMs: number | undefined;
  previousSessionId: string | undefined;
  /** The rows with the greatest (corrected time, id) of those that have one; -1 for none. */
  userRow: number;
  machineRow: number;
  platformRow: number;
  /** Of either, few; no number twice. */
  sources: number[];
  types: number[];
  /** Between which corrected times events of apps are new. */
  appFromMs: number;
  appToMs: number;
  leastSkewMs: number;
  greatestSkewMs: number;
}

interface MachineInSession extends Span {
  machine: number;
  session: number;
}

interface SeenMachine {
  projectId: number;
  machine: number;
  firstMs: number;
  lastMs: number;
}

/** Everything that the new rows of a batch change beside `events` itself, as additive deltas. */
export interface Deltas {
  sessions: SessionDelta[];
  sessionMachines: MachineInSession[];
  machines: SeenMachine[];
}

const least = (a: number | undefined, b: number): number => (a === undefined || b < a ? b : a);

function widen(span: Span, ms: number): void {
  if (ms < span.firstMs) span.firstMs = ms;
  if (ms > span.lastMs) span.lastMs = ms;
  span.count++;
}

/** Of two rows that have a value, the one whose it stays: rows come in order of time, so that most are later. */
function later(table: EventTable, current: number, row: number): number {
  if (current === NONE) return row;
  const { floats } = table;
  const difference =
    (floats[row * FLOATS + FLOAT.correctedMs] as number) - (floats[current * FLOATS + FLOAT.correctedMs] as number);
  return difference > 0 || (difference === 0 && compareEventIds(table, row, current) > 0) ? row : current;
}

/**
 * Sums up new rows. Only rows that are new may be given, since each is counted; sorted by session, which makes it quick.
 */
export function deltasOf(table: EventTable, rows: Int32Array): Deltas {
  const { ints, floats, users, machines } = table;
  const sessions: SessionDelta[] = [];
  const sessionMachines: MachineInSession[] = [];
  const inSession = new PairNumbers();
  const lifecycle = lifecycleOf(table);
  let session: SessionDelta | undefined;
  let machine: MachineInSession | undefined;
  let before = NONE;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const at = row * INTS;
    const ms = floats[row * FLOATS + FLOAT.correctedMs] as number;
    if (session === undefined || !isSameSession(table, before, row)) {
      session = newSession(table, row);
      sessions.push(session);
      machine = undefined;
    }
    before = row;
    widen(session, ms);
    const skewMs = ints[at + INT.skew] as number;
    if (skewMs < session.leastSkewMs) session.leastSkewMs = skewMs;
    if (skewMs > session.greatestSkewMs) session.greatestSkewMs = skewMs;
    const user = ints[at + INT.user] as number;
    if (user >= 0 && users.lengthOf(user) > 0) session.userRow = later(table, session.userRow, row);
    if (ints[at + INT.platform] !== 0) session.platformRow = later(table, session.platformRow, row);
    const type = ints[at + INT.type] as number;
    const source = ints[at + INT.source] as number;
    if (!session.types.includes(type)) session.types.push(type);
    if (lifecycle[type]) noteLifecycle(session, { table, row, ms });
    if (source >= 0) {
      if (!session.sources.includes(source)) session.sources.push(source);
      if (table.source(source).kind === 'app') {
        if (ms < session.appFromMs) session.appFromMs = ms;
        if (ms > session.appToMs) session.appToMs = ms;
      }
    }
    const number = ints[at + INT.machine] as number;
    if (number < 0 || machines.lengthOf(number) === 0) continue;
    session.machineRow = later(table, session.machineRow, row);
    if (machine?.machine !== number) {
      const place = inSession.numberOf(sessions.length, number);
      machine = sessionMachines[place];
      if (!machine) {
        const { projectId } = session;
        machine = { projectId, firstMs: ms, lastMs: ms, count: 0, machine: number, session: session.session };
        sessionMachines.push(machine);
      }
    }
    widen(machine, ms);
  }
  return { sessions, ...byMachine(table, sessionMachines) };
}

/** Both by machine; rows come sorted by session, so that within a machine its sessions are. */
function byMachine(
  table: EventTable,
  spans: readonly MachineInSession[],
): Pick<Deltas, 'sessionMachines' | 'machines'> {
  const numbers = new PairNumbers();
  const machines: { seen: SeenMachine; spans: MachineInSession[] }[] = [];
  for (const span of spans) {
    const { projectId, machine, firstMs, lastMs } = span;
    const found = machines[numbers.numberOf(projectId, machine)];
    if (!found) {
      machines.push({ seen: { projectId, machine, firstMs, lastMs }, spans: [span] });
      continue;
    }
    if (firstMs < found.seen.firstMs) found.seen.firstMs = firstMs;
    if (lastMs > found.seen.lastMs) found.seen.lastMs = lastMs;
    found.spans.push(span);
  }
  machines.sort(
    ({ seen: a }, { seen: b }) => a.projectId - b.projectId || table.machines.compare(a.machine, b.machine),
  );
  return { sessionMachines: machines.flatMap((machine) => machine.spans), machines: machines.map(({ seen }) => seen) };
}

function newSession({ ints, floats }: EventTable, row: number): SessionDelta {
  const ms = floats[row * FLOATS + FLOAT.correctedMs] as number;
  return {
    projectId: ints[row * INTS + INT.project] as number,
    firstMs: ms,
    lastMs: ms,
    count: 0,
    session: ints[row * INTS + INT.session] as number,
    startedMs: undefined,
    endedMs: undefined,
    refreshedMs: undefined,
    previousSessionId: undefined,
    userRow: NONE,
    machineRow: NONE,
    platformRow: NONE,
    sources: [],
    types: [],
    appFromMs: Number.POSITIVE_INFINITY,
    appToMs: Number.NEGATIVE_INFINITY,
    leastSkewMs: Number.POSITIVE_INFINITY,
    greatestSkewMs: Number.NEGATIVE_INFINITY,
  };
}

const LIFECYCLE = ['sessionStarted', 'sessionEnded'];

/** Of each type, by its number, whether it begins or ends sessions. */
function lifecycleOf({ types }: EventTable): boolean[] {
  return Array.from({ length: types.size }, (_, type) => LIFECYCLE.includes(types.textOf(type)));
}

function noteLifecycle(
  session: SessionDelta,
  { table, row, ms }: { table: EventTable; row: number; ms: number },
): void {
  const context = table.contextOf(row);
  if (table.types.textOf(table.ints[row * INTS + INT.type] as number) === 'sessionStarted') {
    session.startedMs = least(session.startedMs, ms);
    const previous = context.previousSessionId;
    if (typeof previous === 'string' && (!session.previousSessionId || previous < session.previousSessionId)) {
      session.previousSessionId = previous;
    }
  } else if (context.reason === 'refreshed') session.refreshedMs = least(session.refreshedMs, ms);
  else session.endedMs = least(session.endedMs, ms);
}

const UPSERT_SESSIONS = `
  INSERT INTO sessions AS s (project_id, session_id, first_at, last_at, started_at, ended_at, refreshed_at, event_count,
    previous_session_id, user_id, user_at, user_event, machine_id, machine_at, machine_event, platform, platform_at,
    platform_event, source_ids, type_ids, least_skew_ms, greatest_skew_ms, skews_of)
  SELECT project_id, session_id, first_at, last_at, started_at, ended_at, refreshed_at, event_count,
    previous_session_id, user_id, user_at, user_event, machine_id, machine_at, machine_event, platform, platform_at,
    platform_event, source_ids::bigint[], type_ids::bigint[], least_skew_ms, greatest_skew_ms, event_count
  FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::bigint[], $9::text[], $10::text[], $11::timestamptz[], $12::uuid[], $13::text[],
    $14::timestamptz[], $15::uuid[], $16::smallint[], $17::timestamptz[], $18::uuid[], $19::text[], $20::text[],
    $21::integer[], $22::integer[])
    AS d (project_id, session_id, first_at, last_at, started_at, ended_at, refreshed_at, event_count,
      previous_session_id, user_id, user_at, user_event, machine_id, machine_at, machine_event, platform, platform_at,
      platform_event, source_ids, type_ids, least_skew_ms, greatest_skew_ms)
  ON CONFLICT (project_id, session_id) DO UPDATE SET
    first_at = least(s.first_at, excluded.first_at),
    last_at = greatest(s.last_at, excluded.last_at),
    started_at = least(s.started_at, excluded.started_at),
    ended_at = least(s.ended_at, excluded.ended_at),
    refreshed_at = least(s.refreshed_at, excluded.refreshed_at),
    event_count = s.event_count + excluded.event_count,
    previous_session_id = least(s.previous_session_id, excluded.previous_session_id),
    ${['user', 'machine', 'platform'].map(keepLatest).join(',\n    ')},
    source_ids = CASE WHEN s.source_ids @> excluded.source_ids THEN s.source_ids
      ELSE ARRAY(SELECT unnest(s.source_ids) UNION SELECT unnest(excluded.source_ids)) END,
    type_ids = CASE WHEN s.type_ids @> excluded.type_ids THEN s.type_ids
      ELSE ARRAY(SELECT unnest(s.type_ids) UNION SELECT unnest(excluded.type_ids)) END,
    least_skew_ms = least(s.least_skew_ms, excluded.least_skew_ms),
    greatest_skew_ms = greatest(s.greatest_skew_ms, excluded.greatest_skew_ms),
    skews_of = s.skews_of + excluded.skews_of`;

/** SET clauses that keep the value with the greatest (time, event); a side without one never wins. */
function keepLatest(name: 'user' | 'machine' | 'platform' | string): string {
  const value = name === 'platform' ? 'platform' : `${name}_id`;
  const wins = `excluded.${name}_at IS NOT NULL AND (s.${name}_at IS NULL OR
      (excluded.${name}_at, excluded.${name}_event) > (s.${name}_at, s.${name}_event))`;
  return [value, `${name}_at`, `${name}_event`]
    .map((column) => `${column} = CASE WHEN ${wins} THEN excluded.${column} ELSE s.${column} END`)
    .join(',\n    ');
}

const UPSERT_SESSION_MACHINES = `
  INSERT INTO session_machines AS m (project_id, machine_id, session_id, first_at, last_at, event_count)
  SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[])
  ON CONFLICT (project_id, machine_id, session_id) DO UPDATE SET
    first_at = least(m.first_at, excluded.first_at), last_at = greatest(m.last_at, excluded.last_at),
    event_count = m.event_count + excluded.event_count`;

const UPSERT_MACHINES = `
  INSERT INTO machines AS m (project_id, machine_id, first_at, last_at)
  SELECT * FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[])
  ON CONFLICT (project_id, machine_id) DO UPDATE SET
    first_at = least(m.first_at, excluded.first_at), last_at = greatest(m.last_at, excluded.last_at)
  WHERE m.first_at > excluded.first_at OR m.last_at < excluded.last_at`;

/** Adds what is of sessions to their tables, each by one statement, in a fixed order of tables and by key within each. */
export async function writeSessions(
  client: Sender,
  { sessions, sessionMachines }: Deltas,
  { table, names }: { table: EventTable; names: RowNames },
): Promise<void> {
  if (sessions.length === 0) return;
  const { ints, floats } = table;
  const timeOf = (row: number) => (row === NONE ? undefined : floats[row * FLOATS + FLOAT.correctedMs]);
  const intOf = (row: number, column: number) => (row === NONE ? NONE : (ints[row * INTS + column] as number));
  const idsOf = (projectId: number, numbers: readonly number[], kind: 'types' | 'sources'): string => {
    const known = names.ofProject(projectId)[kind];
    const ids: string[] = [];
    for (const number of numbers) {
      const { id, taken } = known[number] as NameEntry;
      if (!taken && !ids.includes(id.text)) ids.push(id.text);
    }
    return `{${ids.join(',')}}`;
  };
  await client.query(UPSERT_SESSIONS, [
    integers(sessions.map((s) => s.projectId)),
    interned(
      table.sessions,
      sessions.map((s) => s.session),
    ),
    timestamps(sessions.map((s) => s.firstMs)),
    timestamps(sessions.map((s) => s.lastMs)),
    timestamps(sessions.map((s) => s.startedMs)),
    timestamps(sessions.map((s) => s.endedMs)),
    timestamps(sessions.map((s) => s.refreshedMs)),
    bigints(sessions.map((s) => s.count)),
    texts(sessions.map((s) => s.previousSessionId)),
    interned(
      table.users,
      sessions.map((s) => intOf(s.userRow, INT.user)),
    ),
    timestamps(sessions.map((s) => timeOf(s.userRow))),
    uuidsOfRows(
      table,
      sessions.map((s) => s.userRow),
    ),
    interned(
      table.machines,
      sessions.map((s) => intOf(s.machineRow, INT.machine)),
    ),
    timestamps(sessions.map((s) => timeOf(s.machineRow))),
    uuidsOfRows(
      table,
      sessions.map((s) => s.machineRow),
    ),
    smallints(sessions.map((s) => (s.platformRow === NONE ? undefined : ints[s.platformRow * INTS + INT.platform]))),
    timestamps(sessions.map((s) => timeOf(s.platformRow))),
    uuidsOfRows(
      table,
      sessions.map((s) => s.platformRow),
    ),
    texts(sessions.map((s) => idsOf(s.projectId, s.sources, 'sources'))),
    texts(sessions.map((s) => idsOf(s.projectId, s.types, 'types'))),
    integers(sessions.map((s) => s.leastSkewMs)),
    integers(sessions.map((s) => s.greatestSkewMs)),
  ]);
  if (sessionMachines.length === 0) return;
  await client.query(UPSERT_SESSION_MACHINES, [
    integers(sessionMachines.map((m) => m.projectId)),
    interned(
      table.machines,
      sessionMachines.map((m) => m.machine),
    ),
    interned(
      table.sessions,
      sessionMachines.map((m) => m.session),
    ),
    timestamps(sessionMachines.map((m) => m.firstMs)),
    timestamps(sessionMachines.map((m) => m.lastMs)),
    bigints(sessionMachines.map((m) => m.count)),
  ]);
}

/** Adds the machines. They are in many sessions, and so in several transactions at once, which wait for one another here. */
export async function writeMachines(client: Sender, { machines }: Deltas, table: EventTable): Promise<void> {
  if (machines.length === 0) return;
  await client.query(UPSERT_MACHINES, [
    integers(machines.map((m) => m.projectId)),
    interned(
      table.machines,
      machines.map((m) => m.machine),
    ),
    timestamps(machines.map((m) => m.firstMs)),
    timestamps(machines.map((m) => m.lastMs)),
  ]);
}
