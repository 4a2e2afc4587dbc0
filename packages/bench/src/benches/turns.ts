import { loadInTurns, type Measurement, type Turns } from '../measure/load-server.ts';
import { type MemoryCourse, sampleMemory } from '../measure/sample-memory.ts';
import type { Target } from '../servers/server-under-test.ts';

const SAMPLE_EVERY_MS = 1000;

export interface FoundInTurns {
  fully: Measurement[];
  offered: Measurement[];
  /** The server's, through all turns. */
  memory: MemoryCourse | undefined;
}

/** Loads a server in turns as fast as it goes and with a multiple of that, from a process that stands for machines elsewhere. */
export async function loadTargetInTurns(target: Target, load: Omit<Turns, 'yields'>): Promise<FoundInTurns> {
  const server = await target.start();
  const memory = sampleMemory(server.pid, SAMPLE_EVERY_MS);
  try {
    const found = await loadInTurns(server, { ...load, yields: true });
    return { ...found, memory: memory.stop() };
  } finally {
    memory.stop();
    await server.stop();
  }
}

/** What was acknowledged in all turns of the one, over that in all of the other. */
export function ratioOfTurns(found: readonly Rate[], limits: readonly Rate[]): number {
  const mean = (of: readonly Rate[]) => of.reduce((sum, { eventsPerSecond }) => sum + eventsPerSecond, 0) / of.length;
  return mean(found) / mean(limits);
}

type Rate = Pick<Measurement, 'eventsPerSecond'>;
