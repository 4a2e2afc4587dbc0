import { FLOAT, FLOATS, INT, INTS } from './event-columns.ts';
import type { EventTable } from './event-table.ts';
import type { DeadLetter, JudgedRecord, PartitionBatch, Share, StoredCounts } from './partition-batch.ts';
import type { RowNames } from './row-names.ts';

const HOUR_MS = 3_600_000;

export interface DeadRecord {
  batch: PartitionBatch;
  record: JudgedRecord;
  letter: DeadLetter;
}

/** The records of a transaction, by what is to become of them. */
export interface SharedOut {
  /** Of each batch; its events are counted as duplicates until they turn out to be new. */
  shares: Share[][];
  /** All of them: a row knows its own by the place here. */
  shareOfRow: Share[];
  /** In the order of the log, batch after batch. */
  rows: Int32Array;
  dead: DeadRecord[];
}

/**
 * Goes through the records of a transaction once; events that are not in the table are added to it.
 * @param batchIds of each batch
 * @param names are looked up, and still have to be written
 */
export function shareOut(
  batches: readonly PartitionBatch[],
  batchIds: readonly number[],
  { table, names }: { table: EventTable; names: RowNames },
): SharedOut {
  const rows = new Int32Array(batches.reduce((sum, { records }) => sum + records.length, 0));
  const dead: DeadRecord[] = [];
  const shareOfRow: Share[] = [];
  let count = 0;
  const shares = batches.map((batch, index) => {
    const own: Share[] = [];
    let share: Share | undefined;
    let place = -1;
    for (const record of batch.records) {
      const { projectId, verdict } = record;
      const hourMs = Math.floor(record.timeMs / HOUR_MS) * HOUR_MS;
      if (share?.projectId !== projectId || share.hourMs !== hourMs) {
        share = shareOf(own, { projectId, hourMs, batch, batchId: batchIds[index] as number });
        place = shareOfRow.indexOf(share);
        if (place < 0) place = shareOfRow.push(share) - 1;
      }
      share.read++;
      if ('deadLetter' in verdict) {
        share.deadLettered++;
        dead.push({ batch, record, letter: verdict.deadLetter });
      } else if ('erased' in verdict) {
        share.erased++;
      } else {
        share.duplicate++;
        const row = 'row' in verdict ? verdict.row : table.addEvent(projectId, verdict.store);
        const at = row * INTS;
        table.ints[at + INT.share] = place;
        table.ints[at + INT.index] = record.offset - batch.firstOffset;
        table.ints[at + INT.order] = count;
        names.meet(row);
        rows[count++] = row;
      }
    }
    return own;
  });
  return { shares, shareOfRow, rows: rows.subarray(0, count), dead };
}

function shareOf(shares: Share[], of: Pick<Share, 'projectId' | 'hourMs' | 'batch' | 'batchId'>): Share {
  const found = shares.find(({ projectId, hourMs }) => projectId === of.projectId && hourMs === of.hourMs);
  if (found) return found;
  const share = {
    ...of,
    read: 0,
    stored: 0,
    duplicate: 0,
    deadLettered: 0,
    erased: 0,
    fromMs: Infinity,
    toMs: -Infinity,
  };
  shares.push(share);
  return share;
}

/** These rows turned out to be new. */
export function countStored(table: EventTable, fresh: Int32Array, shareOfRow: readonly Share[]): void {
  const { ints, floats } = table;
  for (let i = 0; i < fresh.length; i++) {
    const row = fresh[i] as number;
    const share = shareOfRow[ints[row * INTS + INT.share] as number] as Share;
    const keyMs = floats[row * FLOATS + FLOAT.keyMs] as number;
    share.stored++;
    share.duplicate--;
    if (keyMs < share.fromMs) share.fromMs = keyMs;
    if (keyMs > share.toMs) share.toMs = keyMs;
  }
}

/** Of one batch. */
export function countsOf(shares: readonly Share[]): StoredCounts {
  const sum = (name: keyof StoredCounts) => shares.reduce((total, share) => total + share[name], 0);
  const erased = sum('erased');
  const counts = { stored: sum('stored'), duplicate: sum('duplicate'), deadLettered: sum('deadLettered') };
  return erased > 0 ? { ...counts, erased } : counts;
}
