import type { NewRecord } from '@wayline/event-log';
import { generateEvents } from '@wayline/testkit';
import { COUNTER_DIGITS, newRunIds } from './event-ids.ts';
import { findLiveParts, ofThisRun, passText } from './live-events.ts';
import { ingestRecords } from './logged-records.ts';
import { numberEvents, type PreparedRequest } from './prepared-request.ts';

interface PreparedRecord {
  record: NewRecord;
  value: PreparedRequest;
  /** Where in the value stands when it was received. */
  receivedAt: number;
}

const RECEIVED = '"receivedAt":';
/** The events lie so far apart before they are made those of now. */
const HOURS = 0.25;

/**
 * Records of now as ingest would write them, each event with an id of its own and sessions that end. They are made of a few that are used
 * again, since to make each anew takes 6 µs. A record is whoever's it was given to until
 * `prepared` others have been given.
 */
export function liveRecords({ prepared, seed }: { prepared: number; seed: number }): (nowMs: number) => NewRecord {
  const ids = newRunIds();
  const id = `"eventId":"${ids.prefix}${'0'.repeat(COUNTER_DIGITS)}"`;
  const write = ingestRecords();
  const lines = generateEvents({ count: prepared, hours: HOURS, start: new Date().toISOString(), seed });
  const records = Array.from(lines, (line, at): PreparedRecord => {
    const { record } = write(ofThisRun(line.replace(/"eventId":"[^"]+"/, id), ids), at);
    const bytes = record.value as Buffer;
    const counters = Uint32Array.of(bytes.indexOf(ids.prefix, 0, 'latin1') + ids.prefix.length);
    const value = { bytes, counters, live: findLiveParts(bytes, 1) };
    return { record, value, receivedAt: bytes.indexOf(RECEIVED, 0, 'latin1') + RECEIVED.length };
  });
  let given = 0;
  return (nowMs) => {
    const pass = Math.floor(given / records.length);
    const { record, value, receivedAt } = records[given % records.length] as PreparedRecord;
    numberEvents(value, given++, pass, nowMs);
    value.bytes.write(String(nowMs), receivedAt, 'latin1');
    const digits = passText(pass);
    return { ...record, key: (record.key as string).slice(0, -digits.length) + digits };
  };
}
