import type { EventLog } from '@wayline/event-log';
import type { LogContent } from '../load/run-fill-job.ts';
import { IdSum } from './id-sum.ts';
import { readTopic } from './read-topic.ts';

const EVENT_ID = Buffer.from('"eventId":"');
const ID_CHARACTERS = 36;

/** What stands in a topic now, in which no event is twice. */
export async function readContent(log: EventLog, topic: string): Promise<LogContent> {
  const ids = new IdSum();
  await readTopic(log, { topic, from: [] }, ({ value }) => {
    const begin = (value?.indexOf(EVENT_ID) ?? -1) + EVENT_ID.length;
    ids.add(value?.toString('latin1', begin, begin + ID_CHARACTERS) ?? '');
  });
  return { records: ids.count, events: ids.count, idSum: ids.sum };
}
