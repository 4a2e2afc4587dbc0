import { PLATFORMS, type Platform, SOURCE_KINDS, type Source } from '../names.ts';

/** An event as it is stored, names in place of their ids. Times in epoch ms; what is absent is undefined. */
export interface StoredEvent {
  eventId: string;
  sessionId: string;
  type: string;
  namespace: string;
  occurredMs: number;
  correctedMs: number;
  receivedMs: number;
  skewMs: number;
  userId: string | undefined;
  anonymousId: string | undefined;
  machineId: string | undefined;
  platform: Platform | undefined;
  source: Source | undefined;
  target: string | undefined;
  page: string | undefined;
  referrer: string | undefined;
  userAgent: string | undefined;
  value: number | undefined;
  seq: number | undefined;
  /** JSON, character by character as it was stored. */
  context: string | undefined;
}

/** The corrected time of a row of `events`. Most clocks are right, and arithmetic with intervals was an eighth of the time of a sum over many. */
export const CORRECTED_AT = `CASE WHEN skew_ms = 0 THEN occurred_at ELSE occurred_at + skew_ms * interval '1 ms' END`;

/** Where the source of a row stands in the row itself, because its hash was taken. */
export const INLINE_SOURCE = `(inline_names -> 'source')`;

/** What `toStoredEvent` reads, of a row `e` of `events` with `EVENT_NAMES` joined. */
export const EVENT_COLUMNS = `e.event_id, e.session_id, e.occurred_at, e.received_at, e.skew_ms, e.user_id,
  e.anonymous_id, e.machine_id, e.platform, e.target, e.page, e.referrer, e.value, e.seq, e.context::text AS context,
  coalesce(e.inline_names ->> 'type', event_type.name) AS type,
  coalesce(e.inline_names ->> 'namespace', namespace.name) AS namespace,
  coalesce(e.inline_names ->> 'userAgent', user_agent.name) AS user_agent,
  e.inline_names -> 'source' AS inline_source, source.kind AS source_kind, source.name AS source_name,
  source.version AS source_version, source.instance AS source_instance`;

export const EVENT_NAMES = `
  LEFT JOIN names event_type ON event_type.project_id = e.project_id AND event_type.kind = 1 AND event_type.id = e.type_id
  LEFT JOIN names namespace ON namespace.project_id = e.project_id AND namespace.kind = 2 AND namespace.id = e.namespace_id
  LEFT JOIN names user_agent ON user_agent.project_id = e.project_id AND user_agent.kind = 3
    AND user_agent.id = e.user_agent_id
  LEFT JOIN sources source ON source.project_id = e.project_id AND source.id = e.source_id`;

export interface EventRecord {
  event_id: string;
  session_id: string;
  occurred_at: number;
  received_at: number;
  skew_ms: number;
  user_id: string | null;
  anonymous_id: string | null;
  machine_id: string | null;
  platform: number | null;
  target: string | null;
  page: string | null;
  referrer: string | null;
  value: number | null;
  seq: number | null;
  context: string | null;
  type: string;
  namespace: string;
  user_agent: string | null;
  inline_source: Source | null;
  source_kind: number | null;
  source_name: string | null;
  source_version: string | null;
  source_instance: string | null;
}

const PLATFORM_NAMES = new Map(Object.entries(PLATFORMS).map(([name, number]) => [number as number, name as Platform]));

export function platformName(number: number | null): Platform | undefined {
  return number === null ? undefined : PLATFORM_NAMES.get(number);
}

export function sourceKindName(number: number): Source['kind'] {
  return number === SOURCE_KINDS.app ? 'app' : 'microservice';
}

function sourceOf(row: EventRecord): Source | undefined {
  if (row.inline_source) return row.inline_source;
  if (row.source_kind === null || row.source_name === null) return undefined;
  return {
    kind: sourceKindName(row.source_kind),
    name: row.source_name,
    version: row.source_version ?? undefined,
    instance: row.source_instance ?? undefined,
  };
}

export function toStoredEvent(row: EventRecord): StoredEvent {
  return {
    eventId: row.event_id,
    sessionId: row.session_id,
    type: row.type,
    namespace: row.namespace,
    occurredMs: row.occurred_at,
    correctedMs: row.occurred_at + row.skew_ms,
    receivedMs: row.received_at,
    skewMs: row.skew_ms,
    userId: row.user_id ?? undefined,
    anonymousId: row.anonymous_id ?? undefined,
    machineId: row.machine_id ?? undefined,
    platform: platformName(row.platform),
    source: sourceOf(row),
    target: row.target ?? undefined,
    page: row.page ?? undefined,
    referrer: row.referrer ?? undefined,
    userAgent: row.user_agent ?? undefined,
    value: row.value ?? undefined,
    seq: row.seq ?? undefined,
    context: row.context ?? undefined,
  };
}
