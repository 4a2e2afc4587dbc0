import { setTimeout as sleep } from 'node:timers/promises';
import { partitionBooks } from '@wayline/testkit';
import { createDice } from '../dice.ts';
import type { Heal } from '../kinds/fault-kind.ts';
import type { Scene } from '../scene/scene.ts';
import { awaitRecovery, type Recovery } from './recovery.ts';
import type { PlannedFault, Step } from './schedule.ts';

export interface StepOutcome extends Recovery {
  /** Those whose moment came. */
  injected: readonly PlannedFault[];
  /** Requests that were tried again meanwhile. */
  retries: number;
  /** Duplicates that the ledger booked meanwhile; 0 where an older ledger was restored. */
  duplicates: number;
  /** Processes that ended by themselves, and were started again. */
  endedByThemselves: number;
}

const everyProcess = ({ ingest, query, workers, spareWorker }: Scene) => [
  ingest,
  query,
  ...[...workers, spareWorker].map(({ process }) => process),
];

const endings = (scene: Scene): number =>
  everyProcess(scene).reduce((sum, { endedByItself }) => sum + endedByItself, 0);

const duplicatesIn = async ({ database }: Scene): Promise<number> =>
  (await partitionBooks(database.url)).reduce((sum, { duplicate }) => sum + duplicate, 0);

/**
 * Begins the faults of a step one after the other, holds them for the longest of their times, heals all of them, and waits
 * until the system works again. Undefined where the moment of none came. @throws NotRecoveredError
 */
export async function runStep(scene: Scene, step: Step): Promise<StepOutcome | undefined> {
  const before = { retries: scene.traffic.retries, endings: endings(scene), duplicates: await duplicatesIn(scene) };
  const injected: PlannedFault[] = [];
  const heals: Heal[] = [];
  try {
    for (const fault of step) {
      const heal = await fault.kind.inject(scene, createDice(fault.seed));
      if (!heal) continue;
      injected.push(fault);
      heals.push(heal);
    }
  } catch (error) {
    await Promise.all(heals.map((heal) => heal()));
    throw error;
  }
  if (injected.length === 0) return undefined;
  await sleep(Math.max(...injected.map(({ holdMs }) => holdMs)));
  const [recovery] = await Promise.all([awaitRecovery(scene), ...heals.map((heal) => heal())]);
  return {
    ...recovery,
    injected,
    retries: scene.traffic.retries - before.retries,
    duplicates: Math.max(0, (await duplicatesIn(scene)) - before.duplicates),
    endedByThemselves: endings(scene) - before.endings,
  };
}
