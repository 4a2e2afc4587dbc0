import type { Pool, PoolClient, QueryResult } from 'pg';
import { ErasedUsers } from '../erasure/erased-users.ts';
import { ERASURE_LOCK } from '../erasure/tombstones.ts';
import { type Accounted, countsOf, writeBatchRows, writeDeadLetters, writeLedger } from './accounting.ts';
import { withoutClaimed, withoutRepeats } from './claims.ts';
import { EventPartitions } from './event-partitions.ts';
import { compareRows, copyRows, type EventRow, mergeRows } from './event-rows.ts';
import { NameRegistry, type ResolvedNames } from './name-registry.ts';
import type { JudgedRecord, PartitionBatch, StoredCounts } from './partition-batch.ts';
import { movePositions } from './positions.ts';
import { deltasOf, writeDeltas } from './sessions.ts';

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
}

/** After a row that was there already, a partition of `events` stays on the slow way for so long. */
const SLOW_BATCHES = 100;
const SLOW_MS = 60_000;

/** One worker's way into PostgreSQL: one transaction a call; safe to call several times at once. */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #names = new NameRegistry();
  readonly #erased = new ErasedUsers();
  readonly #partitions: EventPartitions;
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
    try {
      const counts = await this.#inTransaction(client, batches);
      client.release();
      return counts;
    } catch (error) {
      await rollBackAndRelease(client);
      throw error;
    }
  }

  /** Forgets names and partitions: for after an error that may mean that they are gone. */
  forget(): void {
    this.#names.clear();
    this.#partitions.clear();
  }

  async #inTransaction(client: PoolClient, given: readonly PartitionBatch[]): Promise<StoredCounts[]> {
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
    const events = eventsOf(batches);
    const names = await this.#names.register(client, events);
    const rows = events.map(
      ({ projectId, stored, record, batch }): EventRow => ({
        ...stored,
        projectId,
        record,
        batchId: batchIds[batch] as string,
        batchIndex: record.offset - (batches[batch] as PartitionBatch).firstOffset,
        names: names.resolve(projectId, stored) satisfies ResolvedNames,
      }),
    );
    const candidates = await withoutClaimed(client, withoutRepeats(rows).sort(compareRows));
    const fresh = await this.#storeRows(client, candidates);
    await writeDeltas(client, deltasOf(fresh));
    await writeDeadLetters(client, logId, batches);

    const stored = new Set(fresh.map(({ record }) => record));
    const accounted = batches.map(
      (batch, index): Accounted => ({
        batch,
        batchId: batchIds[index] as string,
        stored: new Set(batch.records.filter((record) => stored.has(record))),
      }),
    );
    await writeLedger(client, logId, accounted);
    await writeBatchRows(client, logId, accounted);
    await client.query('COMMIT');
    names.commit();
    return accounted.map(countsOf);
  }

  /** Stores rows (sorted) partition by partition, in the order of their tables; returns those that were new. */
  async #storeRows(client: PoolClient, rows: readonly EventRow[]): Promise<EventRow[]> {
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
    return fresh;
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

interface PlacedEvent {
  projectId: number;
  stored: Extract<JudgedRecord['verdict'], { store: unknown }>['store'];
  record: JudgedRecord;
  /** Index of the batch that the record is of. */
  batch: number;
}

function eventsOf(batches: readonly PartitionBatch[]): PlacedEvent[] {
  return batches.flatMap(({ records }, batch) =>
    records.flatMap((record) =>
      'store' in record.verdict ? [{ projectId: record.projectId, stored: record.verdict.store, record, batch }] : [],
    ),
  );
}

function* keyTimes(batches: readonly PartitionBatch[]): Iterable<number> {
  for (const { records } of batches) {
    for (const { verdict } of records) if ('store' in verdict) yield verdict.store.times.keyMs;
  }
}

/** A connection whose state is unknown is thrown away, not given back. */
async function rollBackAndRelease(client: PoolClient): Promise<void> {
  try {
    await client.query('ROLLBACK');
    client.release();
  } catch {
    client.release(true);
  }
}
