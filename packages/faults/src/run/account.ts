import { TOPICS } from '@wayline/contracts';
import { accountFor, partitionBooks } from '@wayline/testkit';
import { logEnds } from '../scene/kafka-admin.ts';
import type { Scene } from '../scene/scene.ts';

export interface Outcome {
  acknowledged: number;
  stored: number;
  /** Records of the log that were recognised as stored already. */
  duplicates: number;
  /** What is wrong, a sentence each; empty where nothing is. */
  wrong: string[];
}

const EXAMPLES = 5;

function listed(what: string, list: readonly string[]): string[] {
  if (list.length === 0) return [];
  const more = list.length > EXAMPLES ? ', …' : '';
  return [`${list.length} ${what}: ${list.slice(0, EXAMPLES).join(', ')}${more}`];
}

const counted = (what: string, count: number): string[] => (count === 0 ? [] : [`${count} ${what}`]);

/** The strict accounting. Nothing may be written meanwhile. */
export async function account(scene: Scene): Promise<Outcome> {
  const { database, traffic } = scene;
  const found = await accountFor(database.url, traffic.acknowledged, traffic.sent);
  return {
    acknowledged: traffic.acknowledged.size,
    stored: found.stored,
    duplicates: found.ledger.duplicate,
    wrong: [
      ...listed('acknowledged events are not stored', found.missing),
      ...listed('events are stored more than once', found.doubled),
      ...listed('events are stored that were never sent', found.foreign),
      ...counted('dead letters, though every event was valid', found.deadLetters),
      ...counted('hours of the ledger do not balance', found.unbalancedHours),
      ...counted('rows more than the ledger says (or fewer)', found.ledgerDifference),
      ...counted('records are booked as expired, though none was deleted', found.ledger.expired),
      ...listed('sessions differ from a recount', found.wrongSessions),
      ...listed('rows of other tables differ from a recount', found.wrongRows),
      ...listed('partitions whose books differ from the log', await wrongBooks(scene)),
    ],
  };
}

/** Each record of each log must be in the ledger once, and each position at the end. */
async function wrongBooks({ database, kafka, formerLogs, logId }: Scene): Promise<string[]> {
  const logs = new Map(formerLogs);
  logs.set(await logId(), await logEnds(kafka.brokers, [TOPICS.events, TOPICS.direct]));
  const wrong: string[] = [];
  const books = await partitionBooks(database.url);
  for (const [id, ends] of logs) {
    for (const [partition, end] of ends) {
      const booked = books.find(
        ({ logId: of, ...place }) => of === id && `${place.topic}/${place.partition}` === partition,
      );
      const { read = 0, nextOffset = 0 } = booked ?? {};
      if (read !== end || (nextOffset ?? 0) !== end) {
        wrong.push(`${partition} of ${id} (${end} records, ${read} read, position ${nextOffset})`);
      }
    }
  }
  for (const { logId: of } of books) if (!logs.has(of)) wrong.push(`an unknown log ${of}`);
  return wrong;
}
