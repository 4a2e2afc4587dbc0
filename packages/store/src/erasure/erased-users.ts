import type { PoolClient } from 'pg';
import type { EventTable } from '../write/event-table.ts';
import type { JudgedRecord, PartitionBatch } from '../write/partition-batch.ts';
import { recordUsers } from './record-users.ts';
import { readErasureSecret } from './tombstones.ts';
import { userHash } from './user-hash.ts';

/**
 * What a worker knows of erasures: of each project the latest time that any reaches to. Records received later, which is
 * nearly all, are not looked at any closer; so its size does not grow with the number of erased users.
 */
export class ErasedUsers {
  #version: string | undefined;
  #secret: Buffer = Buffer.alloc(0);
  #latest: ReadonlyMap<number, number> = new Map();
  readonly #onErasure: () => void;

  /** @param onErasure told when somebody was erased since the last time: what is known of users may be gone */
  constructor(onErasure: () => void) {
    this.#onErasure = onErasure;
  }

  /**
   * Gives the records of erased users the verdict `erased`, in the transaction that stores the batches.
   * @param version of the erasures, read in this transaction under the shared lock
   */
  async mark(
    client: PoolClient,
    { version, batches, table }: { version: string; batches: readonly PartitionBatch[]; table: EventTable },
  ): Promise<readonly PartitionBatch[]> {
    if (version !== this.#version) {
      this.#onErasure();
      await this.#read(client, version);
    }
    if (this.#latest.size === 0) return batches;
    const erased = await this.#erasedOf(client, this.#suspectsOf(batches, table));
    if (erased.size === 0) return batches;
    return batches.map((batch) => ({
      ...batch,
      records: batch.records.map((record) => (erased.has(record) ? { ...record, verdict: { erased: true } } : record)),
    }));
  }

  async #read(client: PoolClient, version: string): Promise<void> {
    const { rows } = await client.query<{ project_id: number; latest: number }>(
      'SELECT project_id, max(before) AS latest FROM erasures GROUP BY project_id',
    );
    this.#secret = await readErasureSecret(client);
    this.#latest = new Map(rows.map(({ project_id, latest }) => [project_id, latest]));
    this.#version = version;
  }

  #suspectsOf(batches: readonly PartitionBatch[], table: EventTable): Suspect[] {
    const suspects: Suspect[] = [];
    for (const { records } of batches) {
      for (const record of records) {
        const latest = this.#latest.get(record.projectId);
        if (latest === undefined || isLater(record, latest, table)) continue;
        const { userIds, receivedMs } = recordUsers(record, table);
        if (receivedMs >= latest) continue;
        for (const userId of userIds) suspects.push({ record, userId, receivedMs });
      }
    }
    return suspects;
  }

  async #erasedOf(client: PoolClient, suspects: readonly Suspect[]): Promise<ReadonlySet<JudgedRecord>> {
    const erased = new Set<JudgedRecord>();
    if (suspects.length === 0) return erased;
    const users = new Map<string, { projectId: number; hash: Buffer }>();
    const keyOf = ({ record, userId }: Suspect): string => `${record.projectId} ${userId}`;
    for (const suspect of suspects) {
      const { projectId } = suspect.record;
      if (users.has(keyOf(suspect))) continue;
      users.set(keyOf(suspect), { projectId, hash: userHash(this.#secret, projectId, suspect.userId) });
    }
    const asked = [...users];
    const { rows } = await client.query<{ place: number; before: number }>(
      `SELECT given.place, e.before FROM unnest($1::integer[], $2::bytea[]) WITH ORDINALITY
         AS given (project_id, user_hash, place) JOIN erasures e USING (project_id, user_hash)`,
      [asked.map(([, { projectId }]) => projectId), asked.map(([, { hash }]) => hash)],
    );
    const before = new Map(rows.map((row) => [asked[row.place - 1]?.[0], row.before]));
    for (const suspect of suspects) {
      const limit = before.get(keyOf(suspect));
      if (limit !== undefined && suspect.receivedMs < limit) erased.add(suspect.record);
    }
    return erased;
  }
}

interface Suspect {
  record: JudgedRecord;
  userId: string;
  receivedMs: number;
}

/** Without a look at its users: most records are of after every erasure. A dead letter has to be read for its time. */
function isLater({ verdict, timeMs }: JudgedRecord, latestMs: number, table: EventTable): boolean {
  if ('row' in verdict) return Math.min(timeMs, table.receivedMs(verdict.row)) >= latestMs;
  return 'store' in verdict && Math.min(timeMs, verdict.store.receivedMs) >= latestMs;
}
