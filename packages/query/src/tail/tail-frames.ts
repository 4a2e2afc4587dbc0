import type { Problem } from '@wayline/contracts';
import type { StoredEvent, TailFilter } from '@wayline/store';
import { eventJson } from '../event-json.ts';
import type { NewsEvent, Skipped } from './read-news.ts';
import { furthest, moveTo, offsetIn, type TailCursors, type TailPosition } from './tail-position.ts';

/** An event as it is sent, and who asks for it. */
export interface TailFrame {
  bytes: Buffer;
  /** So many of them tell the id. */
  idBytes: number;
  by: readonly TailFilter[];
  topic: string;
  partition: number;
  offset: number;
}

/** A browser's EventSource connects again after so long. */
const RETRY_MS = 2_000;

/** A line feed stands only between the tokens of JSON, and would end the field here. */
const oneLine = (json: string): string => json.replaceAll(/[\r\n]+/g, ' ');
const idLine = (cursor: string): string => `id: ${cursor}\n`;

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
    const id = idLine(cursors.write(at));
    const bytes = Buffer.from(`${id}data: ${oneLine(eventJson(event))}\n\n`);
    return { bytes, idBytes: id.length, by: by.filter((filter) => hasNames(event, filter)), topic, partition, offset };
  });
}

/**
 * What of the frames of a look is sent to a reader who is ahead of it, under ids that do not lead back behind where that reader was.
 * @param frames all of the look, from `from` on
 * @param kept those that are sent to others who ask for the same
 * @param floor where the reader was
 */
export function framesBeyond(
  frames: readonly TailFrame[],
  kept: readonly TailFrame[],
  { from, floor, cursors }: { from: TailPosition; floor: TailPosition; cursors: TailCursors },
): Buffer[] {
  const wanted = new Set(kept);
  const at = furthest(from, floor);
  return frames.flatMap((frame) => {
    const { topic, partition, offset } = frame;
    moveTo(at, { topic, partition, to: offset + 1 });
    if (!wanted.has(frame) || offset < offsetIn(floor, topic, partition)) return [];
    return [Buffer.from(idLine(cursors.write(at))), frame.bytes.subarray(frame.idBytes)];
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
