import { eventTimes, type IdentifiedEvent, uuidV7 } from '@wayline/contracts';
import type { JudgedRecord, PartitionBatch } from '../src/index.ts';

/** A new event of 2026-11-20T12:00:00Z unless told otherwise. */
export function eventOf(given: Partial<IdentifiedEvent> = {}): IdentifiedEvent {
  return {
    eventId: uuidV7(Date.now()),
    sessionId: 's-1',
    type: 'pageVisit',
    occurredAt: '2026-11-20T12:00:00.000Z',
    ...given,
  };
}

export interface RecordOptions {
  projectId?: number;
  timeMs?: number;
  receivedMs?: number;
  skewMs?: number;
}

export function storeVerdict(event: IdentifiedEvent, options: RecordOptions = {}): Omit<JudgedRecord, 'offset'> {
  const { projectId = 1, timeMs = Date.parse('2026-11-20T12:30:00Z'), skewMs = 0 } = options;
  const receivedMs = options.receivedMs ?? timeMs;
  return {
    timeMs,
    projectId,
    original: { key: Buffer.from(event.sessionId), value: Buffer.from(JSON.stringify(event)), headers: {} },
    verdict: { store: { event, receivedMs, times: eventTimes(event, receivedMs, skewMs) } },
  };
}

/** A batch of one partition from `firstOffset` on. */
export function batchOf(
  place: { topic?: string; partition?: number; firstOffset?: number },
  records: readonly Omit<JudgedRecord, 'offset'>[],
): PartitionBatch {
  const { topic = 'wayline.events', partition = 0, firstOffset = 0 } = place;
  return {
    topic,
    partition,
    firstOffset,
    nextOffset: firstOffset + records.length,
    records: records.map((record, index) => ({ ...record, offset: firstOffset + index })),
  };
}
