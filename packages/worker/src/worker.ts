import { setImmediate as nextTurn } from 'node:timers/promises';
import { TOPICS } from '@wayline/contracts';
import type {
  BeginAnswer,
  EventLog,
  Lease,
  LogBatch,
  LogConsumer,
  LogPosition,
  PartitionRange,
} from '@wayline/event-log';
import type { RegistryClient } from '@wayline/event-log/registry';
import type { Verifier } from '@wayline/identity/verify';
import { emptySettings, type SettingsView } from '@wayline/settings';
import {
  BatchWriter,
  type EventTable,
  type JudgedRecord,
  type PartitionBatch,
  type Pool,
  readPosition,
  type StoredCounts,
  type TransactionTimeouts,
} from '@wayline/store';
import { BatchScheduler, type RejectionSettings } from './batch-scheduler.ts';
import { beginPosition } from './begin-position.ts';
import { createDirectSchemas, type SchemaRefusals } from './direct-schemas.ts';
import { Intake } from './intake.ts';
import { createRecordJudge } from './judge-record.ts';
import { type LagWatch, startLagWatch } from './lag-watch.ts';
import { type PressureWatch, watchPressure } from './pressure-watch.ts';
import { Throttle, type ThrottleSettings } from './throttle.ts';
import type { WorkerLogger } from './worker-logger.ts';

/** A batch of the log, with what is known of the schemas that its frames name. */
interface FetchedBatch extends LogBatch {
  schemas: SchemaRefusals | undefined;
}

export type WorkerSettings = ThrottleSettings & RejectionSettings;

export interface WorkerOptions {
  log: EventLog;
  pool: Pool;
  /** Consumer group, and part of the key of the stored positions. */
  group: string;
  verifier: Verifier;
  logger: WorkerLogger;
  /** Which keys were revoked, and what else holds for projects and keys. Default: nothing is set. */
  projectSettings?: Pick<SettingsView, 'key'>;
  /** Where the schemas of framed records of `wayline.direct` are looked up. Default: frames are passed over. */
  registry?: Pick<RegistryClient, 'find'>;
  settings?: Partial<WorkerSettings>;
  /** The group's session timeout: a transaction gives up before it, so that a stopped worker does not hold its locks. */
  sessionTimeoutMs?: number;
  /** How often it is told how far behind the worker is, ms. Default 30 s. */
  lagEveryMs?: number;
  /** Told after each commit. */
  onStored?(counts: StoredCounts): void;
}

export interface Worker {
  /** Joins the group and begins to store. */
  start(): Promise<void>;
  /** Finishes the batches in hand, then leaves the group. */
  stop(): Promise<void>;
  /** Whether more is read than can be written at once, or events are stored late: what can wait should. */
  isBehind(): boolean;
  /** Whether it writes less than it could, since others are at work in the database. */
  givesWay(): boolean;
  /** Of the time since it was asked last, in how much batches were written, 0 to 1. */
  busyShare(): number;
  /** Resolves after `stop`; rejects if the worker ended for good for another reason. */
  readonly ended: Promise<void>;
}

const DEFAULTS: WorkerSettings = {
  maxRows: 7_000,
  lingerMs: 10,
  concurrency: 4,
  adaptive: true,
  maxRejected: 100,
  stoppedMs: 60_000,
};
/**
 * Of one partition. The deeper a batch reaches into one partition, the more events it has of each of its sessions, which are
 * then written once for all of them: in a backlog one fills a transaction. And so small that memory stays small with four of them in hand.
 */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const MAX_BATCH_RECORDS = 7_000;
/** So many are judged in one turn of the event loop: what other transactions wait for is seen to in between. */
const RECORDS_PER_TURN = 500;
const STORED_TOPICS = [TOPICS.events, TOPICS.direct];

function timeoutsBelow(sessionMs: number): TransactionTimeouts {
  const share = (part: number): number => Math.round(sessionMs * part);
  return { statementMs: share(0.6), idleMs: share(0.5), lockMs: share(0.3) };
}

/** Stores both topics of the log in PostgreSQL, exactly once: positions move only with the rows. */
export function createWorker(options: WorkerOptions): Worker {
  const { log, pool, group, verifier, logger, settings, onStored, sessionTimeoutMs = 30_000, lagEveryMs } = options;
  const { registry, projectSettings = emptySettings() } = options;
  const judge = createRecordJudge({ verifier, settings: projectSettings });
  const directSchemas = registry && createDirectSchemas({ registry, verifier, settings: projectSettings, logger });
  const configured = { ...DEFAULTS, ...settings };
  const throttle = new Throttle(configured);
  const intake = new Intake();
  let watch: PressureWatch | undefined;
  const publish = (positions: readonly LogPosition[]): void => {
    log.publishPosition(group, positions).catch((error: unknown) => {
      logger.warn({ err: error }, 'the log could not be told how far the worker is');
    });
  };
  /** What the holder before stored last, it may not have told the log any more. */
  const begin = async (range: PartitionRange): Promise<BeginAnswer> => {
    const answer = await beginPosition({ log, pool, group, logger }, range);
    const { topic, partition } = range;
    if ('offset' in answer && answer.offset > range.start) publish([{ topic, partition, offset: answer.offset }]);
    return answer;
  };
  const scheduler = new BatchScheduler<FetchedBatch>({
    writer: new BatchWriter({
      pool,
      logId: log.id,
      group,
      timeouts: timeoutsBelow(sessionTimeoutMs),
      onCommit: (ms) => watch?.committed(ms),
      logger,
    }),
    judge: toPartitionBatch,
    throttle,
    rejections: configured,
    logger,
    readNextOffset: async ({ topic, partition }) => {
      const position = await readPosition(pool, { logId: log.id, group, topic, partition });
      if (!position) throw new Error(`The stored position of ${topic}/${partition} is gone`);
      return position.nextOffset;
    },
    onStored: (batches, counts) => {
      const positions = batches.map(({ topic, partition, nextOffset }) => ({ topic, partition, offset: nextOffset }));
      publish(positions);
      const nowMs = performance.now();
      for (const position of positions) intake.stored(position, nowMs);
      if (onStored) for (const count of counts) onStored(count);
    },
  });

  function toPartitionBatch(batch: FetchedBatch): PartitionBatch;
  function toPartitionBatch(batch: FetchedBatch, table: EventTable): Promise<PartitionBatch>;
  function toPartitionBatch(
    { topic, partition, records: given, firstOffset, nextOffset, schemas }: FetchedBatch,
    table?: EventTable,
  ): PartitionBatch | Promise<PartitionBatch> {
    const origin = { logId: log.id, topic, partition, schemas };
    const batch = { topic, partition, firstOffset, nextOffset };
    if (!table) return { ...batch, records: given.map((record) => judge(record, origin)) };
    const inTurns = async (): Promise<PartitionBatch> => {
      const records: JudgedRecord[] = [];
      for (let from = 0; from < given.length; from += RECORDS_PER_TURN) {
        if (from > 0) await nextTurn();
        for (const record of given.slice(from, from + RECORDS_PER_TURN)) records.push(judge(record, origin, table));
      }
      return { ...batch, records };
    };
    return inTurns();
  }

  async function handle(batch: LogBatch, lease: Lease): Promise<number> {
    intake.fetched(batch, performance.now());
    const toLookUp = batch.topic === TOPICS.direct ? directSchemas : undefined;
    const schemas = await toLookUp?.judge(batch.records, lease.signal);
    return scheduler.submit({ ...batch, schemas }, lease);
  }

  let resolveEnded = (): void => undefined;
  let rejectEnded = (_error: unknown): void => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    resolveEnded = resolve;
    rejectEnded = reject;
  });
  ended.catch(() => undefined); // whoever waits for it sees it; nobody need wait
  let consumer: LogConsumer | undefined;
  let lagWatch: LagWatch | undefined;
  const givesWay = (): boolean => throttle.pace < 1;
  return {
    ended,
    // Where it gives way events are late on purpose: hops need not wait for that, nor those who ask for hops.
    isBehind: () => scheduler.isBehind || (!givesWay() && intake.isLate(performance.now())),
    givesWay,
    busyShare: () => scheduler.busy.take(),
    async start() {
      watch = watchPressure({ pool, group, throttle, configured, logger, intake });
      const joined = await log.consume({
        group,
        topics: STORED_TOPICS,
        maxBytes: MAX_BATCH_BYTES,
        maxRecords: MAX_BATCH_RECORDS,
        begin,
        handle,
      });
      consumer = joined;
      joined.ended.then(resolveEnded, rejectEnded);
      const assigned = () => joined.assigned();
      lagWatch = startLagWatch({ log, pool, group, topics: STORED_TOPICS, logger, assigned, everyMs: lagEveryMs });
    },
    async stop() {
      await lagWatch?.stop();
      await consumer?.close();
      await watch?.stop();
      resolveEnded();
    },
  };
}
