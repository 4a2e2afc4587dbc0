import { setTimeout as sleep } from 'node:timers/promises';
import type { NewRecord } from '@wayline/event-log';
import { type LogAddress, openLog } from '../servers/log-address.ts';
import { giveWay } from './give-way.ts';
import { loggedRecords } from './logged-records.ts';

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
const HOURS = 2;

/** Answers at once. What the log cannot take in time is appended later. */
export async function runFeedJob({ log: address, recordsPerSecond, seed }: FeedJob): Promise<{ begun: true }> {
  await giveWay();
  const log = await openLog(address);
  const records = Math.ceil(recordsPerSecond * HOURS * 3600);
  const source = loggedRecords({ records, repeatedShare: 0, hours: HOURS, start: new Date().toISOString(), seed });
  const feed = async (): Promise<never> => {
    let appended = 0;
    for (const begunMs = performance.now(); ; await sleep(TICK_MS)) {
      const due = Math.floor(((performance.now() - begunMs) / 1000) * recordsPerSecond);
      const call: NewRecord[] = [];
      for (; appended < due && call.length < MOST_RECORDS; appended++) {
        const { value } = source.next();
        if (value) call.push(value.record);
      }
      if (call.length > 0) await log.append(address.topic, call);
    }
  };
  void feed(); // what it throws ends the process, and with it the benchmark
  return { begun: true };
}
