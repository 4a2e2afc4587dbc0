import { setTimeout as sleep } from 'node:timers/promises';
import type { NewRecord } from '@wayline/event-log';
import { type LogAddress, openLog } from '../servers/log-address.ts';
import { giveWay } from './give-way.ts';
import { liveRecords } from './live-records.ts';

/** Events of now, appended at a steady rate until the process is stopped, which gives way to the others. */
export interface FeedJob {
  log: LogAddress;
  recordsPerSecond: number;
  /** Of the generator: other sessions than those of another seed. */
  seed: number;
}

const TICK_MS = 50;
/** Of one call, however late it is: the log bounds what it takes at once. */
const MOST_RECORDS = 20_000;
/** More than are under way at once. */
const PREPARED_RECORDS = 100_000;

/** Answers at once. What the log cannot take in time is appended later. */
export async function runFeedJob({ log: address, recordsPerSecond, seed }: FeedJob): Promise<{ begun: true }> {
  await giveWay();
  const log = await openLog(address);
  const next = liveRecords({ prepared: PREPARED_RECORDS, seed });
  const feed = async (): Promise<never> => {
    let appended = 0;
    for (const begunMs = performance.now(); ; await sleep(TICK_MS)) {
      const due = Math.floor(((performance.now() - begunMs) / 1000) * recordsPerSecond);
      const count = Math.min(due - appended, MOST_RECORDS);
      const nowMs = Date.now();
      // Spread over the while since the last call.
      const timeOf = (i: number) => nowMs - Math.floor(((count - 1 - i) * TICK_MS) / count);
      const call: NewRecord[] = Array.from({ length: count }, (_, i) => next(timeOf(i)));
      appended += count;
      if (count > 0) await log.append(address.topic, call);
    }
  };
  void feed(); // what it throws ends the process, and with it the benchmark
  return { begun: true };
}
