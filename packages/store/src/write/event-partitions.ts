import type { Pool, PoolClient } from 'pg';
import { IDLE_MS } from '../in-transaction.ts';

const DAY_MS = 86_400_000;
/** Days get a partition of their own for so long; what is older goes by months. */
const DAILY_FOR_DAYS = 60;
/** Any fixed number: serialises the making of partitions among workers. */
const ADVISORY_LOCK = 7_141_001;

/** A partition of `events`: [fromMs, toMs), epoch ms, UTC. */
export interface EventPartition {
  table: string;
  fromMs: number;
  toMs: number;
}

const PARTITION_NAME = /^events_(?:d(\d{4})(\d{2})(\d{2})|m(\d{4})(\d{2}))$/;

/** The bounds that a partition's name stands for. */
export function partitionOfTable(table: string): EventPartition | undefined {
  const match = PARTITION_NAME.exec(table);
  if (!match) return undefined;
  if (match[1]) {
    const fromMs = Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
    return { table, fromMs, toMs: fromMs + DAY_MS };
  }
  const [year, month] = [Number(match[4]), Number(match[5])];
  return { table, fromMs: Date.UTC(year, month - 1, 1), toMs: Date.UTC(year, month, 1) };
}

function dayPartition(ms: number): EventPartition {
  const fromMs = Math.floor(ms / DAY_MS) * DAY_MS;
  const day = new Date(fromMs).toISOString().slice(0, 10).replaceAll('-', '');
  return { table: `events_d${day}`, fromMs, toMs: fromMs + DAY_MS };
}

function monthPartition(ms: number): EventPartition {
  const date = new Date(ms);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  const text = date.toISOString().slice(0, 7).replace('-', '');
  return { table: `events_m${text}`, fromMs: Date.UTC(year, month, 1), toMs: Date.UTC(year, month + 1, 1) };
}

const covers = (partition: EventPartition, ms: number): boolean => partition.fromMs <= ms && ms < partition.toMs;

/**
 * Which partition a time needs, beside those there are: its day if that lies in the last 60 days or ahead, or if the
 * month is already split into days; else its month.
 */
export function neededPartition(ms: number, existing: readonly EventPartition[], nowMs: number): EventPartition {
  const found = existing.find((partition) => covers(partition, ms));
  if (found) return found;
  const month = monthPartition(ms);
  const split = existing.some(({ fromMs, toMs }) => fromMs < month.toMs && toMs > month.fromMs);
  return split || ms >= nowMs - DAILY_FOR_DAYS * DAY_MS ? dayPartition(ms) : month;
}

/** The partitions of `events` as one process knows them; makes those that are missing. */
export class EventPartitions {
  readonly #pool: Pool;
  #known: EventPartition[] = [];
  /** One of the known, asked first: the times of a batch lie close together. */
  #last: EventPartition | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The table that holds a time; `ensure` must have been asked for it. */
  tableFor(ms: number): string {
    const found = this.#find(ms);
    if (!found) throw new Error(`No partition was made for ${new Date(ms).toISOString()}`);
    return found.table;
  }

  #find(ms: number): EventPartition | undefined {
    if (this.#last && covers(this.#last, ms)) return this.#last;
    this.#last = this.#known.find((partition) => covers(partition, ms));
    return this.#last;
  }

  /** Makes and attaches the partitions that these times need, in a transaction of its own. */
  async ensure(times: readonly number[]): Promise<void> {
    const missing = new Set<number>();
    for (const ms of times) {
      if (!this.#find(ms)) missing.add(Math.floor(ms / DAY_MS) * DAY_MS);
    }
    if (missing.size === 0) return;
    const client = await this.#pool.connect();
    try {
      await client.query(
        `BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${IDLE_MS}; SET LOCAL lock_timeout = '10s';
         SELECT pg_advisory_xact_lock(${ADVISORY_LOCK})`,
      );
      const existing = await readPartitions(client);
      for (const ms of missing) {
        const partition = neededPartition(ms, existing, Date.now());
        if (existing.includes(partition)) continue;
        await createPartition(client, partition);
        existing.push(partition);
      }
      await client.query('COMMIT');
      this.#known = existing;
      this.#last = undefined;
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  /** Forgets what it knows: a partition may have been dropped. */
  clear(): void {
    this.#known = [];
    this.#last = undefined;
  }
}

async function readPartitions(client: PoolClient): Promise<EventPartition[]> {
  const { rows } = await client.query<{ table: string }>(
    `SELECT c.relname AS table FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'events'::regclass`,
  );
  return rows.flatMap(({ table }) => partitionOfTable(table) ?? []);
}

/** Made beside `events` and then attached: readers and writers of other partitions are not locked out. */
async function createPartition(client: PoolClient, { table, fromMs, toMs }: EventPartition): Promise<void> {
  const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  await client.query(
    `CREATE TABLE ${table} (LIKE events INCLUDING ALL);
     ALTER TABLE ${table} ADD CONSTRAINT ${table}_range CHECK (occurred_at >= '${from}' AND occurred_at < '${to}');
     ALTER TABLE events ATTACH PARTITION ${table} FOR VALUES FROM ('${from}') TO ('${to}');
     ALTER TABLE ${table} DROP CONSTRAINT ${table}_range`,
  );
  const { rows } = await client.query<{ index: string }>(
    `SELECT x.indexrelid::regclass::text AS index FROM pg_index x JOIN pg_inherits i ON i.inhrelid = x.indexrelid
     WHERE i.inhparent = 'events_by_batch'::regclass AND x.indrelid = '${table}'::regclass`,
  );
  // It has that from the index of `events`, which cannot be altered; maintenance sees to it.
  for (const { index } of rows) await client.query(`ALTER INDEX ${index} SET (autosummarize = off)`);
}
