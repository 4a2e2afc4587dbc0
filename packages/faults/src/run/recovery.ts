import { setTimeout as sleep } from 'node:timers/promises';
import { storedInSessions } from '@wayline/testkit';
import { PROJECT } from '../scene/open-scene.ts';
import type { Scene } from '../scene/scene.ts';

/** How long it took from the moment at which the faults began to be taken away, ms. */
export interface Recovery {
  /** Until events that were sent from then on were acknowledged. */
  acknowledgedMs: number;
  /** Until those, on every partition, were stored. */
  storedMs: number;
}

/** The system did not come back by itself. */
export class NotRecoveredError extends Error {
  override readonly name = 'NotRecoveredError';
}

/** Enough of them that hardly a partition of 12 is without one: each session goes to one of its own. */
const PROBE_SESSIONS = 60;
const PATIENCE_MS = 120_000;

/** Sends events of their own and waits for them. @throws NotRecoveredError */
export async function awaitRecovery({ traffic, database }: Scene): Promise<Recovery> {
  const begun = performance.now();
  const elapsed = () => Math.round(performance.now() - begun);
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const sessions = await traffic.probe(PROBE_SESSIONS, patience).catch(() => {
    throw new NotRecoveredError(`no event was acknowledged within ${PATIENCE_MS / 1000} s after the fault`);
  });
  const acknowledgedMs = elapsed();
  let stored = 0;
  while (stored < PROBE_SESSIONS) {
    if (patience.aborted) {
      const state = `of ${PROBE_SESSIONS} events that were sent after the fault, ${stored} are stored`;
      throw new NotRecoveredError(`${state} after ${PATIENCE_MS / 1000} s`);
    }
    stored = await storedInSessions(database.url, PROJECT, sessions).catch(() => 0);
    if (stored < PROBE_SESSIONS) await sleep(50);
  }
  return { acknowledgedMs, storedMs: elapsed() };
}
