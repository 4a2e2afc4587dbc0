import { type FoundInTurns, loadInTurns, type Measurement, type Turns } from '../measure/load-server.ts';
import type { Target } from '../servers/server-under-test.ts';

/** Loads a server in turns as fast as it goes and with a multiple of that, from a process that stands for machines elsewhere. */
export async function loadTargetInTurns(target: Target, load: Omit<Turns, 'yields'>): Promise<FoundInTurns> {
  const server = await target.start();
  try {
    return await loadInTurns(server, { ...load, yields: true });
  } finally {
    await server.stop();
  }
}

/** What was acknowledged in all turns of the one, over that in all of the other. */
export function ratioOfTurns(found: readonly Rate[], limits: readonly Rate[]): number {
  const mean = (of: readonly Rate[]) => of.reduce((sum, { eventsPerSecond }) => sum + eventsPerSecond, 0) / of.length;
  return mean(found) / mean(limits);
}

type Rate = Pick<Measurement, 'eventsPerSecond'>;
