import { writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';

/**
 * Gives this process a lower priority, as what stands for machines elsewhere: among the processes of its session, and as a
 * session among the others, where the system shares out the processor so.
 */
export async function giveWay(): Promise<void> {
  const nice = constants.priority.PRIORITY_LOW;
  setPriority(nice);
  await writeFile('/proc/self/autogroup', String(nice)).catch(() => undefined); // no such file: no such sharing
}
