import { setTimeout as sleep } from 'node:timers/promises';
import { type Closers, hopsRemade } from '@wayline/testkit';
import type { FaultKind } from '../kinds/fault-kind.ts';
import { type FaultsReport, figuresByKind } from '../report/faults-report.ts';
import { openScene } from '../scene/open-scene.ts';
import type { Scene } from '../scene/scene.ts';
import { account, type Outcome } from './account.ts';
import { NotRecoveredError } from './recovery.ts';
import { runStep, type StepOutcome } from './run-step.ts';
import { createSchedule } from './schedule.ts';

export interface RunOptions {
  /** The program's file, `wayline.js`. */
  program: string;
  kinds: readonly FaultKind[];
  seed: number;
  /** How many faults are injected. */
  faults: number;
  quick: boolean;
  /** Events a second. */
  rate: number;
  workers: number;
  tell(sentence: string): void;
  /** Given what each process wrote, by its name, where something is wrong. */
  keepLogs(logs: ReadonlyMap<string, readonly string[]>): Promise<void>;
}

const MIB = 1024 * 1024;
const WARM_UP_MS = 2_000;
/** All that a step waits for is bounded by itself, and by less; should that fail, this names the step. */
const STEP_MS = 300_000;
const SETTLE_MS = 120_000;
/** After a failure what can still be found out is of interest, but nothing is hoped for any more. */
const SETTLE_AFTER_FAILURE_MS = 15_000;
/** A kind whose moment does not come is passed over; so many in a row mean that nothing moves any more. */
const MAX_MISSED = 10;

/**
 * Starts everything, injects the faults, heals, waits until nothing is pending, and accounts for every event. What was
 * started goes with the closers.
 */
export async function runFaults(closers: Closers, options: RunOptions): Promise<FaultsReport> {
  const { program, seed, rate, workers, quick, tell } = options;
  const notes: string[] = [];
  const note = (sentence: string): void => {
    notes.push(sentence);
    tell(`note: ${sentence}`);
  };
  const diskBytes = (quick ? 768 : 3072) * MIB;
  const begun = performance.now();
  tell('Kafka, PostgreSQL and the roles are started');
  const scene = await openScene(closers, { program, seed, rate, workers, diskBytes, note });
  await sleep(WARM_UP_MS);
  const { outcomes, failure } = await injectAll(scene, options);
  const outcome = await settle(scene, failure, tell);
  if (outcome.wrong.length > 0) await options.keepLogs(logsOf(scene));
  return {
    seed,
    faults: outcomes.reduce((sum, { injected }) => sum + injected.length, 0),
    seconds: (performance.now() - begun) / 1000,
    retries: scene.traffic.retries,
    kinds: figuresByKind(
      options.kinds.map(({ name }) => name),
      outcomes,
    ),
    notes,
    ...outcome,
  };
}

async function injectAll(scene: Scene, options: RunOptions): Promise<{ outcomes: StepOutcome[]; failure?: string }> {
  const { kinds, seed, faults, quick, tell } = options;
  const outcomes: StepOutcome[] = [];
  const schedule = createSchedule(kinds, { seed, pairShare: quick ? 1 : 0.35, holdScale: quick ? 0.5 : 1 });
  let injected = 0;
  for (let missed = 0; injected < faults; ) {
    const planned = schedule.next().value.filter(({ kind }) => kind.possible?.(scene) ?? true);
    const step = planned.slice(0, faults - injected);
    const names = step.map(({ kind }) => kind.name).join(' + ');
    const late = sleep(STEP_MS, new Error(`it did not come to its end within ${STEP_MS / 1000} s`), { ref: false });
    const outcome = await Promise.race([runStep(scene, step).catch((error: unknown) => error as Error), late]);
    if (outcome instanceof Error) {
      const after = `after ${injected} faults, at ${names}`;
      const what = outcome instanceof NotRecoveredError ? 'It did not recover by itself' : 'The run could not go on';
      return { outcomes, failure: `${what}, ${after}: ${outcome.message}` };
    }
    if (scene.traffic.refusal) return { outcomes, failure: scene.traffic.refusal.message };
    if (outcome) {
      missed = 0;
      outcomes.push(outcome);
      injected += outcome.injected.length;
      const { acknowledgedMs, storedMs } = outcome;
      const told = outcome.injected.map(({ kind }) => kind.name).join(' + ');
      tell(`${injected}/${faults} ${told}: acknowledged after ${acknowledgedMs} ms, stored after ${storedMs} ms`);
    } else if (++missed === MAX_MISSED) {
      return { outcomes, failure: `${names} and ${missed - 1} before it found no moment to begin at` };
    }
  }
  return { outcomes };
}

/** Ends the traffic, waits until all of it is stored, ends whoever writes, and accounts. */
async function settle(scene: Scene, failure: string | undefined, tell: (sentence: string) => void): Promise<Outcome> {
  const wrong = failure === undefined ? [] : [failure];
  const attempt = async (what: string, work: Promise<unknown>): Promise<void> => {
    const ms = wrong.length === 0 ? SETTLE_MS : SETTLE_AFTER_FAILURE_MS;
    const late = sleep(ms, 'late', { ref: false });
    const end = await Promise.race([work.catch((error: Error) => error.message), late]);
    if (typeof end === 'string') wrong.push(`${what}: ${end === 'late' ? `not within ${ms / 1000} s` : end}`);
  };
  tell('all is healed; what was sent is acknowledged and stored');
  await attempt('What was sent is to be acknowledged', scene.traffic.stop());
  await attempt('What was acknowledged is to be stored', scene.nothingPending());
  await scene.ingest.terminate(); // what it still tried to append may have come since
  await attempt('What was acknowledged is to be stored', scene.nothingPending());
  await attempt('What is remade in the background is to be done', hopsRemade(scene.database.url));
  await Promise.all(scene.workers.map(({ process }) => process.terminate()));
  tell('every event is accounted for');
  const outcome = await account(scene);
  return { ...outcome, wrong: [...wrong, ...outcome.wrong] };
}

function logsOf({ ingest, query, workers, spareWorker }: Scene): ReadonlyMap<string, readonly string[]> {
  const all = [ingest, query, ...[...workers, spareWorker].map(({ process }) => process)];
  return new Map(all.map(({ name, log }) => [name, log]));
}
