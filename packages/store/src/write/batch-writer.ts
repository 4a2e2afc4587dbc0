import { randomInt } from 'node:crypto';
import type { Pool, PoolClient, QueryResult } from 'pg';
import { ErasedUsers } from '../erasure/erased-users.ts';
import { ERASURE_LOCK } from '../erasure/tombstones.ts';
import { type DirtySession, markDirty } from '../hops/mark-dirty.ts';
import { writeBatchRows, writeDeadLetters, writeLedger } from './accounting.ts';
import { withoutClaimed, withoutRepeats } from './claims.ts';
import { classifyStoreError } from './error-class.ts';
import { EventPartitions } from './event-partitions.ts';
import { copyRows, type EventRow, mergeRows, sortRows } from './event-rows.ts';
import { KnownUsers } from './known-users.ts';
import { NameRegistry } from './name-registry.ts';
import type { JudgedRecord, PartitionBatch, Share, StoredCounts } from './partition-batch.ts';
import { movePositions, PositionMovedError } from './positions.ts';
import { rollupsOf, writeRollups } from './rollups.ts';
import { type Deltas, deltasOf, writeDeltas } from './sessions.ts';
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
}

/**
 * Counters are kept in slots, so that transactions in flight do not wait for one another: each of a writer has its own,
 * and so has most often each writer. Where two share one they wait, which is slower but no less true.
 */
const SLOTS_OF_ONE = 64;
const WORKERS = 256;

/** After a row that was there already, a partition of `events` stays on the slow way for so long. */
const SLOW_BATCHES = 100;
const SLOW_MS = 60_000;

/** One worker's way into PostgreSQL: one transaction a call; safe to call several times at once. */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #names = new NameRegistry();
  readonly #knownUsers = new KnownUsers();
  readonly #erased = new ErasedUsers(() => this.#knownUsers.clear());
  readonly #partitions: EventPartitions;
  readonly #freeSlots: number[] = [];
  #nextSlot = SLOTS_OF_ONE * randomInt(WORKERS);
  readonly #slow = new Map<string, { batches: number; untilMs: number }>();

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#partitions = new EventPartitions(options.pool);
  }

  /**
   * Stores batches of several partitions in one transaction: positions (the fence), events, sessions, dead letters,
   * ledger. Resolves after COMMIT with the counts of each batch. Rejects with `PositionMovedError` where a position was
   * elsewhere, else with PostgreSQL's error; then the stored positions tell whether it committed all the same.
   */
  async write(batches: readonly PartitionBatch[]): Promise<StoredCounts[]> {
    try {
      return await this.#write(batches);
    } catch (error) {
      if ((error as { code?: string }).code !== '42P01') throw error;
      this.#partitions.clear(); // retention may have dropped a partition, which is then made once more
      return this.#write(batches);
    }
  }

  async #write(batches: readonly PartitionBatch[]): Promise<StoredCounts[]> {
    await this.#partitions.ensure(keyTimes(batches));
    const client = await this.#options.pool.connect();
    const slot = this.#freeSlots.pop() ?? this.#nextSlot++;
    try {
      const counts = await this.#inTransaction(client, batches, slot);
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

  async #inTransaction(client: PoolClient, given: readonly PartitionBatch[], slot: number): Promise<StoredCounts[]> {
    const { logId, timeouts } = this.#options;
    // The version is read by a statement of its own, after the lock: who erases holds that alone until it is committed.
    const begun = (await client.query(
      `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = ${timeouts.statementMs};
       SET LOCAL idle_in_transaction_session_timeout = ${timeouts.idleMs}; SET LOCAL lock_timeout = ${timeouts.lockMs};
       SET LOCAL synchronous_commit = on; SELECT pg_advisory_xact_lock_shared(${ERASURE_LOCK});
       SELECT version::text AS version FROM erasure_state`,
    )) as unknown as QueryResult<{ version: string }>[];
    const batchIds = await movePositions(client, this.#options, given);
    const batches = await this.#erased.mark(client, begun.at(-1)?.rows[0]?.version as string, given);
    const names = this.#names.begin();
    const { shares, rows, dead } = shareOut(batches, batchIds, names);
    await names.write(client);
    const candidates = await withoutClaimed(client, withoutRepeats(sortRows(rows)));
    const fresh = await this.#storeRows(client, candidates);
    countStored(fresh);
    const deltas = deltasOf(fresh);
    await writeDeltas(client, deltas);
    await markDirty(client, dirtyOf(deltas), leastLogTime(batches));
    const rollups = rollupsOf(fresh);
    await writeRollups(client, rollups, { slot, known: this.#knownUsers });
    await writeDeadLetters(client, logId, dead);
    await writeLedger(client, logId, shares.flat());
    const booked = batches.map((batch, i) => ({
      batch,
      batchId: batchIds[i] as number,
      shares: shares[i] as Share[],
    }));
    await writeBatchRows(client, logId, booked);
    const committingAt = performance.now();
    await client.query('COMMIT');
    this.#options.onCommit?.(performance.now() - committingAt);
    names.commit();
    this.#knownUsers.learn(rollups);
    return shares.map(countsOf);
  }

  /** Stores rows (sorted) partition by partition, in the order of their tables; returns those that were new, sorted. */
  async #storeRows(client: PoolClient, rows: readonly EventRow[]): Promise<readonly EventRow[]> {
    const byTable = new Map<string, EventRow[]>();
    for (const row of rows) {
      const table = this.#partitions.tableFor(row.times.keyMs);
      const group = byTable.get(table);
      if (group) group.push(row);
      else byTable.set(table, [row]);
    }
    const fresh: EventRow[] = [];
    for (const [table, group] of [...byTable].sort(([a], [b]) => (a < b ? -1 : 1))) {
      for (const row of await this.#storeInto(client, table, group)) fresh.push(row);
    }
    return byTable.size > 1 ? sortRows(fresh) : fresh;
  }

  async #storeInto(client: PoolClient, table: string, rows: EventRow[]): Promise<readonly EventRow[]> {
    if (this.#isSlow(table)) return mergeRows(client, table, rows);
    await client.query('SAVEPOINT fast');
    try {
      await copyRows(client, table, rows);
      return rows;
    } catch (error) {
      if ((error as { code?: string }).code !== '23505') throw error;
      await client.query('ROLLBACK TO SAVEPOINT fast');
      this.#slow.set(table, { batches: SLOW_BATCHES, untilMs: Date.now() + SLOW_MS });
      return mergeRows(client, table, rows);
    }
  }

  #isSlow(table: string): boolean {
    const slow = this.#slow.get(table);
    if (!slow) return false;
    if (slow.batches-- > 0 && Date.now() < slow.untilMs) return true;
    this.#slow.delete(table);
    return false;
  }
}

function keyTimes(batches: readonly PartitionBatch[]): number[] {
  const times: number[] = [];
  for (const { records } of batches) {
    for (const { verdict } of records) if ('store' in verdict) times.push(verdict.store.times.keyMs);
  }
  return times;
}

/** Sessions with new events of apps. */
function dirtyOf({ sessions }: Deltas): DirtySession[] {
  return sessions.flatMap(({ projectId, sessionId, appFromMs, appToMs }) =>
    appFromMs <= appToMs ? [{ projectId, sessionId, fromMs: appFromMs, toMs: appToMs }] : [],
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
