import type { ImportEvent } from './import-event.ts';

export interface LaneOptions {
  /** Number of lanes: at most so many batches are in flight. */
  lanes: number;
  /** At most so many events in a batch. */
  maxEvents: number;
  /** At most so many UTF-8 bytes, unless one event alone has more; the line ends count. */
  maxBytes: number;
  /** Resolves when the events are acknowledged or refused for good; heeds the signal of `stop`. */
  send(batch: ImportEvent[]): Promise<void>;
  /** Ends it when it is aborted, and is aborted when a batch fails: whatever feeds the blocks should heed it, too. */
  stop: AbortController;
}

interface Lane {
  events: ImportEvent[];
  bytes: number;
  inFlight: Promise<void>;
}

/**
 * Sends events in batches, several at a time, those of a session in their order: a session belongs to a lane, and a
 * lane has one batch in flight. Holds a batch in flight and one that fills, for each lane. Rejects with the first failure.
 */
export async function sendInLanes(blocks: AsyncIterable<ImportEvent[]>, options: LaneOptions): Promise<void> {
  const { maxEvents, maxBytes, send, stop } = options;
  const { signal } = stop;
  const lanes = Array.from(
    { length: options.lanes },
    (): Lane => ({ events: [], bytes: 0, inFlight: Promise.resolve() }),
  );
  const settled = () => Promise.all(lanes.map(({ inFlight }) => inFlight));

  async function flush(lane: Lane): Promise<void> {
    await lane.inFlight;
    signal.throwIfAborted();
    const batch = lane.events;
    lane.events = [];
    lane.bytes = 0;
    lane.inFlight = send(batch).catch((error: unknown) => stop.abort(error));
  }

  try {
    for await (const block of blocks) {
      signal.throwIfAborted();
      for (const event of block) {
        const lane = lanes[laneOf(event.sessionId, lanes.length)] as Lane;
        const bytes = Buffer.byteLength(event.json) + 1;
        const full = lane.events.length === maxEvents || (lane.events.length > 0 && lane.bytes + bytes > maxBytes);
        if (full) await flush(lane);
        lane.events.push(event);
        lane.bytes += bytes;
      }
    }
    await Promise.all(lanes.filter(({ events }) => events.length > 0).map(flush));
    await settled();
    signal.throwIfAborted();
  } catch (error) {
    stop.abort(error);
    await settled();
    throw signal.reason; // the first failure, not what followed from it
  }
}

/** FNV-1a: any spread will do, but it must be the same for the same session. */
function laneOf(sessionId: string, lanes: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < sessionId.length; i++) hash = Math.imul(hash ^ sessionId.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % lanes;
}
