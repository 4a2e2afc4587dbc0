import { NAME_KINDS } from '../names.ts';
import type { EventRow } from './event-rows.ts';
import type { TransactionNames } from './name-registry.ts';
import type { DeadLetter, JudgedRecord, PartitionBatch, Share, StoredCounts } from './partition-batch.ts';

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
  rows: EventRow[];
  dead: DeadRecord[];
}

/**
 * Goes through the records of a transaction once.
 * @param batchIds of each batch
 * @param names are looked up, and still have to be written
 */
export function shareOut(
  batches: readonly PartitionBatch[],
  batchIds: readonly number[],
  names: TransactionNames,
): SharedOut {
  const rows: EventRow[] = [];
  const dead: DeadRecord[] = [];
  const shares = batches.map((batch, index) => {
    const own: Share[] = [];
    let share: Share | undefined;
    for (const record of batch.records) {
      const { projectId, verdict } = record;
      const hourMs = Math.floor(record.timeMs / HOUR_MS) * HOUR_MS;
      if (share?.projectId !== projectId || share.hourMs !== hourMs) {
        share = shareOf(own, { projectId, hourMs, batch, batchId: batchIds[index] as number });
      }
      share.read++;
      if ('store' in verdict) {
        share.duplicate++;
        const { event, times } = verdict.store;
        names.ofProject(projectId);
        rows.push({
          event,
          times,
          stored: verdict.store,
          record,
          share,
          type: names.name(NAME_KINDS.type, event.type),
          namespace: names.name(NAME_KINDS.namespace, event.namespace ?? 'default'),
          userAgent: event.userAgent === undefined ? undefined : names.name(NAME_KINDS.userAgent, event.userAgent),
          source: event.source && names.source(event.source),
        });
      } else if ('deadLetter' in verdict) {
        share.deadLettered++;
        dead.push({ batch, record, letter: verdict.deadLetter });
      } else share.erased++;
    }
    return own;
  });
  return { shares, rows, dead };
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
export function countStored(fresh: readonly EventRow[]): void {
  for (const { share, times } of fresh) {
    share.stored++;
    share.duplicate--;
    if (times.keyMs < share.fromMs) share.fromMs = times.keyMs;
    if (times.keyMs > share.toMs) share.toMs = times.keyMs;
  }
}

/** Of one batch. */
export function countsOf(shares: readonly Share[]): StoredCounts {
  const sum = (name: keyof StoredCounts) => shares.reduce((total, share) => total + share[name], 0);
  const erased = sum('erased');
  const counts = { stored: sum('stored'), duplicate: sum('duplicate'), deadLettered: sum('deadLettered') };
  return erased > 0 ? { ...counts, erased } : counts;
}
