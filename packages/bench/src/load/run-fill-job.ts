import type { NewRecord } from '@wayline/event-log';
import { IdSum } from '../compare/id-sum.ts';
import { type LogAddress, openLog } from '../servers/log-address.ts';
import { type LoggedWorkload, loggedRecords } from './logged-records.ts';

export interface FillJob {
  log: LogAddress;
  workload: LoggedWorkload;
}

/** What stands in the log. */
export interface LogContent {
  records: number;
  /** Different ones. */
  events: number;
  /** Of the different events' ids: see `IdSum`. */
  idSum: string;
}

const RECORDS_PER_CALL = 2500;
const CALLS_IN_FLIGHT = 4;

/** Fills an empty topic; every record is acknowledged when it answers. */
export async function runFillJob({ log: address, workload }: FillJob): Promise<LogContent> {
  const log = await openLog(address);
  const ids = new IdSum();
  const source = loggedRecords(workload);
  let records = 0;

  const nextCall = (): NewRecord[] => {
    const call: NewRecord[] = [];
    while (call.length < RECORDS_PER_CALL) {
      const { value, done } = source.next();
      if (done) break;
      if (!value.repeated) ids.add(value.eventId);
      call.push(value.record);
    }
    records += call.length;
    return call;
  };
  const work = async () => {
    for (let call = nextCall(); call.length > 0; call = nextCall()) await log.append(address.topic, call);
  };

  try {
    await Promise.all(Array.from({ length: CALLS_IN_FLIGHT }, work));
  } finally {
    await log.close();
  }
  return { records, events: ids.count, idSum: ids.sum };
}
