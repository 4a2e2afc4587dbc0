import type { Problem } from '@wayline/contracts';
import type { StoredEvent, TailFilter } from '@wayline/store';
import { eventJson } from '../event-json.ts';
import type { NewsEvent, Skipped } from './read-news.ts';
import { moveTo, type TailCursors, type TailPosition } from './tail-position.ts';

/** An event as it is sent, and who asks for it. */
export interface TailFrame {
  bytes: Buffer;
  by: readonly TailFilter[];
  topic: string;
  partition: number;
  offset: number;
}

/** A browser's EventSource connects again after so long. */
const RETRY_MS = 2_000;

/** A line feed stands only between the tokens of JSON, and would end the field here. */
const oneLine = (json: string): string => json.replaceAll(/[\r\n]+/g, ' ');

/** Where the id is told without an event. */
export const markFrame = (cursor: string): Buffer => Buffer.from(`:\nid: ${cursor}\n\n`);
export const openingFrame = (cursor: string): Buffer => Buffer.from(`retry: ${RETRY_MS}\nid: ${cursor}\n\n`);
export const skippedFrame = ({ events, atMost }: Skipped): Buffer =>
  Buffer.from(`event: skipped\ndata: ${JSON.stringify({ events, atMost })}\n\n`);
export const byeFrame = (problem: Problem): Buffer => Buffer.from(`event: bye\ndata: ${JSON.stringify(problem)}\n\n`);

/**
 * Events as they are sent, each with the position after it as its id.
 * @param at where the tail is; moved past each of the events
 */
export function framesOf(
  found: readonly { candidate: NewsEvent; event: StoredEvent }[],
  at: TailPosition,
  cursors: TailCursors,
): TailFrame[] {
  return found.map(({ candidate: { by, topic, partition, offset }, event }) => {
    moveTo(at, { topic, partition, to: offset + 1 });
    const bytes = Buffer.from(`id: ${cursors.write(at)}\ndata: ${oneLine(eventJson(event))}\n\n`);
    return { bytes, by: by.filter((filter) => hasNames(event, filter)), topic, partition, offset };
  });
}

/** Filters were held against the ids of names, and two names may have one. */
function hasNames({ type, namespace, source }: StoredEvent, filter: TailFilter): boolean {
  const name = filter.app ?? filter.microservice;
  return (
    (filter.type === undefined || filter.type === type) &&
    (filter.namespace === undefined || filter.namespace === namespace) &&
    (name === undefined ||
      (source?.name === name && source.kind === (filter.app === undefined ? 'microservice' : 'app')))
  );
}
