import { randomInt } from 'node:crypto';
import type { Pool, PoolClient, QueryResult } from 'pg';
import { ErasedUsers } from '../erasure/erased-users.ts';
import { ERASURE_LOCK } from '../erasure/tombstones.ts';
import { type DirtySession, markDirty } from '../hops/mark-dirty.ts';
import { createKeptPlans, type KeptPlans, keeping } from '../planned-once.ts';
import type { StoreLogger } from '../pool.ts';
import { writeBatchRows, writeDeadLetters, writeLedger } from './accounting.ts';
import { haveClaims, withoutClaimed, withoutRepeats } from './claims.ts';
import { classifyStoreError } from './error-class.ts';
import { EventPartitions } from './event-partitions.ts';
import type { EventRows } from './event-row-encoder.ts';
import { copyUnlessThere, storeNew } from './event-rows.ts';
import { EventTable } from './event-table.ts';
import { KnownUsers } from './known-users.ts';
import { NameRegistry } from './name-registry.ts';
import type { JudgedRecord, PartitionBatch, Share, StoredCounts } from './partition-batch.ts';
import { movePositions, PositionMovedError } from './positions.ts';
import { rollupsOf, writeRollups } from './rollups.ts';
import { RowNames } from './row-names.ts';
import { sortRows } from './row-order.ts';
import { askTogether, sendTogether } from './send-together.ts';
import { type Deltas, deltasOf, writeMachines, writeSessions } from './sessions.ts';
import { countStored, countsOf, shareOut } from './shares.ts';

/** All below the consumer group's session timeout, so that a stopped worker cannot hold its locks. */
export interface TransactionTimeouts {
  /** Also the only one that fires inside COPY FROM STDIN. ms */
  statementMs: number;
  idleMs: number;
  lockMs: number;
}

export interface BatchWriterOptions {
  pool: Pool;
  logId: string;
  group: string;
  timeouts: TransactionTimeouts;
  /** Told how long each COMMIT took, ms. */
  onCommit?(ms: number): void;
  /** Told where connections do not keep plans. */
  logger?: Pick<StoreLogger, 'info'> | undefined;
}

/**
 * Counters are kept in slots, so that transactions in flight do not wait for one another: each of a writer has its own,
 * and so has most often each writer. Where two share one they wait, which is slower but no less true.
 */
const SLOTS_OF_ONE = 64;
const WORKERS = 256;

const HOUR_MS = 3_600_000;

/** After one with a row that was there already, so many batches are asked about before they are written. */
const ASKED_BATCHES = 100;

/** One worker's way into PostgreSQL: one transaction a call; safe to call several times at once. */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #names = new NameRegistry();
  readonly #knownUsers = new KnownUsers();
  readonly #erased = new ErasedUsers(() => this.#knownUsers.clear());
  readonly #partitions: EventPartitions;
  readonly #plans: KeptPlans;
  readonly #freeSlots: number[] = [];
  #nextSlot = SLOTS_OF_ONE * randomInt(WORKERS);
  /** Of partitions of `events`: how many batches more. */
  readonly #askedFor = new Map<string, number>();

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#partitions = new EventPartitions(options.pool);
    this.#plans = createKeptPlans(options.logger ?? { info: () => undefined });
  }

  /**
   * Stores batches of several partitions in one transaction: positions (the fence), events, sessions, dead letters,
   * ledger. Resolves after COMMIT with the counts of each batch. Rejects with `PositionMovedError` where a position was
   * elsewhere, else with PostgreSQL's error; then the stored positions tell whether it committed all the same.
   * @param table where the events stand of those records that have a row; others are added to it
   */
  async write(batches: readonly PartitionBatch[], table = new EventTable()): Promise<StoredCounts[]> {
    try {
      return await this.#write(batches, table);
    } catch (error) {
      // Retention may have dropped a partition, which is then made once more.
      if ((error as { code?: string }).code === '42P01') this.#partitions.clear();
      else if (!this.#plans.areLost(error)) throw error;
      return this.#write(batches, table);
    }
  }

  async #write(batches: readonly PartitionBatch[], table: EventTable): Promise<StoredCounts[]> {
    await this.#partitions.ensure(keyTimes(batches, table));
    const client = await this.#options.pool.connect();
    const slot = this.#freeSlots.pop() ?? this.#nextSlot++;
    try {
      const counts = await this.#inTransaction(client, batches, { table, slot });
      client.release();
      return counts;
    } catch (error) {
      // It may be an older database, restored in the place of that which names and users were written to.
      if (error instanceof PositionMovedError) this.forget();
      await rollBackAndRelease(client, classifyStoreError(error).reconnect);
      throw error;
    } finally {
      this.#freeSlots.push(slot);
    }
  }

  /** Forgets names, users and partitions: for after an error that may mean that they are gone. */
  forget(): void {
    this.#names.clear();
    this.#partitions.clear();
    this.#knownUsers.clear();
  }

  async #inTransaction(
    client: PoolClient,
    given: readonly PartitionBatch[],
    { table, slot }: { table: EventTable; slot: number },
  ): Promise<StoredCounts[]> {
    const { logId, timeouts } = this.#options;
    // The version is read by a statement of its own, after the lock: who erases holds that alone until it is committed.
    const begun = (await client.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = ${timeouts.statementMs};
       SET LOCAL idle_in_transaction_session_timeout = ${timeouts.idleMs}; SET LOCAL lock_timeout = ${timeouts.lockMs};
       SET LOCAL synchronous_commit = on; SELECT pg_advisory_xact_lock_shared(${ERASURE_LOCK});
       SELECT version::text AS version FROM erasure_state`,
    )) as unknown as QueryResult<{ version: string }>[];
    const projectIds = projectsOf(given);
    const asker = keeping(client, this.#plans);
    const [batchIds, hasClaims] = await askTogether(client, () => [
      movePositions(asker, this.#options, given),
      haveClaims(client, projectIds),
    ]);
    const version = begun.at(-1)?.rows[0]?.version as string;
    const batches = await this.#erased.mark(client, { version, batches: given, table });
    const pending = this.#names.begin();
    const names = new RowNames(table, pending);
    const { shares, shareOfRow, rows, dead } = shareOut(batches, batchIds, { table, names });
    await pending.write(client);
    const distinct = withoutRepeats(table, sortRows(table, rows));
    const candidates = await withoutClaimed(client, { table, rows: distinct, hasClaims });
    const sumUp = (of: Int32Array) => ({ of, deltas: deltasOf(table, of), rollups: rollupsOf(of, { table, names }) });
    let sums: ReturnType<typeof sumUp> | undefined;
    // Most often they will be new. PostgreSQL has enough to do meanwhile, and what follows need not wait for the sums.
    const meanwhile = (expected: Int32Array): void => {
      if (sums?.of.length !== expected.length) sums = sumUp(expected);
    };
    const fresh = await this.#storeRows(client, candidates, { of: { table, names, shareOfRow }, meanwhile });
    countStored(table, fresh, shareOfRow);
    const { deltas, rollups } = sums?.of.length === fresh.length ? sums : sumUp(fresh);
    const booked = batches.map((batch, i) => ({
      batch,
      batchId: batchIds[i] as number,
      shares: shares[i] as Share[],
    }));
    await sendTogether(client, asker, async (sender) => {
      await writeSessions(sender, deltas, { table, names });
      await markDirty(sender, dirtyOf(deltas, table), leastLogTime(batches));
      await writeDeadLetters(sender, logId, dead);
      await writeLedger(sender, logId, shares.flat());
      await writeBatchRows(sender, logId, booked);
      // Last what transactions over other partitions may wait for: users, and most of all machines.
      await writeRollups(sender, rollups, { slot, known: this.#knownUsers });
      await writeMachines(sender, deltas, table);
    });
    const committingAt = performance.now();
    await client.query('COMMIT');
    this.#options.onCommit?.(performance.now() - committingAt);
    pending.commit();
    this.#knownUsers.learn(rollups);
    return shares.map(countsOf);
  }

  /** Stores rows (sorted) partition by partition, in the order of their tables; returns those that were new, sorted. */
  async #storeRows(
    client: PoolClient,
    rows: Int32Array,
    { of, meanwhile }: { of: EventRows; meanwhile: (expected: Int32Array) => void },
  ): Promise<Int32Array> {
    const nameOf = (row: number): string => this.#partitions.tableFor(of.table.keyMs(row));
    const [first] = rows;
    if (first === undefined) return rows;
    const only = nameOf(first);
    if (rows.every((row) => nameOf(row) === only)) return this.#storeInto(client, only, { rows, of, meanwhile });
    const byPartition = new Map<string, number[]>();
    let last: { name: string; rows: number[] } | undefined;
    for (const row of rows) {
      const name = nameOf(row);
      if (last?.name !== name) {
        last = { name, rows: byPartition.get(name) ?? [] };
        byPartition.set(name, last.rows);
      }
      last.rows.push(row);
    }
    const fresh = new Set<number>();
    for (const [name, own] of [...byPartition].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const stored = await this.#storeInto(client, name, {
        rows: Int32Array.from(own),
        of,
        meanwhile: () => meanwhile(rows),
      });
      for (const row of stored) fresh.add(row);
    }
    return rows.filter((row) => fresh.has(row));
  }

  async #storeInto(
    client: PoolClient,
    partition: string,
    { rows, of, meanwhile }: { rows: Int32Array; of: EventRows; meanwhile: (expected: Int32Array) => void },
  ): Promise<Int32Array> {
    const isAsked = (this.#askedFor.get(partition) ?? 0) > 0;
    if (!isAsked && (await copyUnlessThere(client, partition, { rows, of, meanwhile }))) return rows;
    const fresh = await storeNew(client, partition, { rows, of, meanwhile });
    const left = (this.#askedFor.get(partition) ?? 0) - 1;
    this.#askedFor.set(partition, fresh.length < rows.length ? ASKED_BATCHES : Math.max(0, left));
    return fresh;
  }
}

/** One of each run of times within an hour: of a partition's bounds none lies within an hour. */
function keyTimes(batches: readonly PartitionBatch[], table: EventTable): number[] {
  const times: number[] = [];
  let hour = Number.NaN;
  for (const { records } of batches) {
    for (const { verdict } of records) {
      let keyMs: number;
      if ('row' in verdict) keyMs = table.keyMs(verdict.row);
      else if ('store' in verdict) keyMs = verdict.store.times.keyMs;
      else continue;
      if (Math.floor(keyMs / HOUR_MS) === hour) continue;
      hour = Math.floor(keyMs / HOUR_MS);
      times.push(keyMs);
    }
  }
  return times;
}

/** Of all records, each once. */
function projectsOf(batches: readonly PartitionBatch[]): number[] {
  const projects = new Set<number>();
  let last: number | undefined;
  for (const { records } of batches) {
    for (const { projectId } of records) {
      if (projectId !== last) projects.add(projectId);
      last = projectId;
    }
  }
  return [...projects];
}

/** Sessions with new events of apps. */
function dirtyOf({ sessions }: Deltas, table: EventTable): DirtySession[] {
  return sessions.flatMap(({ projectId, session, appFromMs, appToMs }) =>
    appFromMs <= appToMs
      ? [{ projectId, sessionId: table.sessions.textOf(session), fromMs: appFromMs, toMs: appToMs }]
      : [],
  );
}

const leastLogTime = (batches: readonly PartitionBatch[]): number =>
  Math.min(...batches.map(({ records }) => (records[0] as JudgedRecord).timeMs));

/** A connection whose state is unknown, or that leads to the wrong server, is thrown away, not given back. */
async function rollBackAndRelease(client: PoolClient, throwAway: boolean): Promise<void> {
  try {
    await client.query('ROLLBACK');
    client.release(throwAway);
  } catch {
    client.release(true);
  }
}
