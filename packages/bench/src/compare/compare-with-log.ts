import type { EventLog, PartitionRange } from '@wayline/event-log';
import { readCounter } from '../load/event-ids.ts';
import { NumberSet } from './number-set.ts';
import { readTopic } from './read-topic.ts';

/** What was acknowledged, held against what is in the topic; all numbers are of events. */
export interface Comparison {
  acknowledged: number;
  inLog: number;
  /** Acknowledged, and not in the log: must be 0. */
  missing: number;
  /** In the log once more than needed. */
  duplicates: number;
  /** In the log without an acknowledgement: requests that were refused or lost after their records were on their way. */
  unacknowledged: number;
  /** In the log, and never sent: must be 0. */
  foreign: number;
}

export interface WhatWasSent {
  /** See `RunIds`. */
  marker: string;
  eventsPerRequest: number;
  requests: number;
  /** Numbers of the requests that were acknowledged. */
  acknowledged: NumberSet;
}

/** Nothing that was acknowledged is missing, and nothing is there that was not sent. */
export const holds = ({ missing, foreign }: Comparison): boolean => missing === 0 && foreign === 0;

/**
 * Reads the whole topic from where it ended before the run (an absent list: from its start), and keeps a few bits an
 * event while it does.
 */
export async function compareWithLog(
  log: EventLog,
  { topic, from }: { topic: string; from: readonly PartitionRange[] },
  { marker, eventsPerRequest, requests, acknowledged }: WhatWasSent,
): Promise<Comparison> {
  const markerBytes = Buffer.from(marker);
  const sent = requests * eventsPerRequest;
  const found = new NumberSet();
  const comparison: Comparison = {
    acknowledged: acknowledged.size * eventsPerRequest,
    inLog: 0,
    missing: 0,
    duplicates: 0,
    unacknowledged: 0,
    foreign: 0,
  };
  let foundAcknowledged = 0;
  await readTopic(log, { topic, from }, ({ value }) => {
    comparison.inLog++;
    const counter = value ? readCounter(value, markerBytes) : undefined;
    if (counter === undefined || counter >= sent) comparison.foreign++;
    else if (!found.add(counter)) comparison.duplicates++;
    else if (acknowledged.has(Math.floor(counter / eventsPerRequest))) foundAcknowledged++;
    else comparison.unacknowledged++;
  });
  comparison.missing = comparison.acknowledged - foundAcknowledged;
  return comparison;
}
