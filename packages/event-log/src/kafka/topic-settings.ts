import type { TopicSpec } from '../event-log.ts';

/** A partition's records are sent in batches of at most so many bytes: below Kafka's default limit of 1,048,588. */
export const MAX_BATCH_BYTES = 900_000;
const KAFKA_MAX_MESSAGE_BYTES = 1_048_588;

const HOUR_MS = 3_600_000;
export const DEFAULT_LONGEST_OUTAGE_MS = 72 * HOUR_MS;
const MADE_RETENTION_MS = 7 * 24 * HOUR_MS;

/** What is asked of Kafka about a topic. */
export const CHECKED_SETTINGS = [
  'cleanup.policy',
  'max.message.bytes',
  'message.timestamp.type',
  'min.insync.replicas',
  'retention.bytes',
  'retention.ms',
  'unclean.leader.election.enable',
];

/** What an operator expects of all topics. */
export interface TopicDemands {
  /** Number of replicas that is configured; undefined: whatever the brokers give. */
  replication: number | undefined;
  /** For so long the readers may be away without losing anything, ms. */
  longestOutageMs: number;
}

/** A topic as it was found. */
export interface FoundTopic {
  /** Of each partition. */
  replicas: number;
  /** Of the cluster. */
  brokers: number;
  /** By name; a setting that the broker does not tell is absent. */
  settings: ReadonlyMap<string, string>;
}

/** The settings with which a topic is made. @param replicas undefined if they are not known */
export function settingsToMake(
  { compacted = false }: TopicSpec,
  replicas: number | undefined,
  { longestOutageMs }: TopicDemands,
): { name: string; value: string }[] {
  const settings: Record<string, string> = {
    'message.timestamp.type': 'LogAppendTime',
    'cleanup.policy': compacted ? 'compact' : 'delete',
    'max.message.bytes': String(KAFKA_MAX_MESSAGE_BYTES),
    'unclean.leader.election.enable': 'false',
  };
  if (!compacted) {
    settings['retention.ms'] = String(Math.max(MADE_RETENTION_MS, longestOutageMs));
    settings['retention.bytes'] = '-1';
  }
  // Kafka's own default is 1: what it acknowledged would be lost with the one broker that was in sync.
  if (replicas !== undefined && replicas > 2) settings['min.insync.replicas'] = String(replicas - 1);
  return Object.entries(settings).map(([name, value]) => ({ name, value }));
}

/**
 * Judges a topic by its settings. A fault is what would lose acknowledged records, or make the log another than readers
 * rely on, without anything else going wrong; a warning is what needs a further misfortune. Each is one sentence.
 */
export function judgeTopic(
  spec: TopicSpec,
  found: FoundTopic,
  demands: TopicDemands,
): { faults: string[]; warnings: string[] } {
  const topic = `Kafka topic ${spec.name}`;
  return { faults: faultsOf(topic, spec, found), warnings: warningsOf(topic, { spec, found, demands }) };
}

function faultsOf(topic: string, { compacted = false }: TopicSpec, { replicas, settings }: FoundTopic): string[] {
  const faults: string[] = [];
  const must = (what: string, name: string, why: string) =>
    faults.push(`${topic} must have ${what} (it has ${settings.get(name)}): ${why}.`);
  const has = (name: string, wrong: (value: string) => boolean): boolean => {
    const value = settings.get(name);
    return value !== undefined && wrong(value);
  };
  if (has('message.timestamp.type', (value) => value !== 'LogAppendTime')) {
    const why = 'the log’s own time decides what is complete';
    must('message.timestamp.type=LogAppendTime', 'message.timestamp.type', why);
  }
  if (has('cleanup.policy', (value) => value !== (compacted ? 'compact' : 'delete'))) {
    const why = compacted
      ? 'of each key the last record is kept for good'
      : 'the records of a session have one key, and compaction would keep the last of them only';
    must(`cleanup.policy=${compacted ? 'compact' : 'delete'}`, 'cleanup.policy', why);
  }
  if (has('max.message.bytes', (value) => Number(value) < MAX_BATCH_BYTES)) {
    const why = 'records are sent in batches of that size';
    must(`max.message.bytes of at least ${MAX_BATCH_BYTES}`, 'max.message.bytes', why);
  }
  if (replicas > 1 && has('unclean.leader.election.enable', (value) => value !== 'false')) {
    const why = 'a replica that lags behind could become the leader, and acknowledged records would be gone';
    must('unclean.leader.election.enable=false', 'unclean.leader.election.enable', why);
  }
  return faults;
}

function warningsOf(
  topic: string,
  { spec, found, demands }: { spec: TopicSpec; found: FoundTopic; demands: TopicDemands },
): string[] {
  const { replicas, brokers, settings } = found;
  const { replication, longestOutageMs } = demands;
  const warnings: string[] = [];
  const inSync = Number(settings.get('min.insync.replicas') ?? Number.NaN);
  if (replication !== undefined && replication !== replicas) {
    warnings.push(`${topic} has ${count(replicas, 'replica')}, but ${replication} are configured.`);
  } else if (replicas === 1 && brokers > 1) {
    warnings.push(`${topic} has 1 replica on ${brokers} brokers: acknowledged records are lost with one disk.`);
  }
  if (replicas > 2 && inSync === 1) {
    warnings.push(
      `${topic} has min.insync.replicas=1: acknowledged records are lost with the one broker that may be in sync.`,
    );
  }
  if (replicas > 1 && inSync >= replicas) {
    const all = `${topic} has min.insync.replicas=${inSync} and ${replicas} replicas`;
    warnings.push(`${all}: while one broker is down, nothing can be written.`);
  }
  if (spec.compacted) return warnings;
  const retentionMs = Number(settings.get('retention.ms') ?? -1);
  if (retentionMs >= 0 && retentionMs < longestOutageMs) {
    const kept = `${topic} keeps records for ${hours(retentionMs)} (retention.ms=${retentionMs})`;
    warnings.push(`${kept}: they are lost when the database is away for the ${hours(longestOutageMs)} that it may be.`);
  }
  const retentionBytes = Number(settings.get('retention.bytes') ?? -1);
  if (retentionBytes >= 0) {
    const limit = `${topic} keeps at most ${retentionBytes} bytes of each partition (retention.bytes)`;
    warnings.push(`${limit}: records may go before the ${hours(longestOutageMs)} that the database may be away.`);
  }
  return warnings;
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
const hours = (ms: number): string => count(Math.round((10 * ms) / HOUR_MS) / 10, 'hour');
