import type { EventError } from '@wayline/contracts';
import type { NewRecord } from '@wayline/event-log';
import { type JudgeOptions, judgeEvents, type RejectedEvent } from './judge-events.ts';

/** An item of another form as an event: not judged yet, as `POST /v1/events` might have got it. */
export interface ForeignEvent {
  event: Record<string, unknown>;
  /** receivedAt − sentAt, where the item itself says when it was sent. Default: that of the request. */
  skewMs?: number;
  pointers: PointerTable;
}

/** What a form makes of an item: an event, or what is wrong with it, told by its own fields. */
export type Translation = ForeignEvent | { errors: EventError[] };

/** Where an item has what stands in the event: pointers to both, `[in the event, in the item]`; the first that fits counts. */
export type PointerTable = readonly (readonly [inEvent: string, inItem: string])[];

export interface ForeignItems {
  items: readonly unknown[];
  translate(item: unknown): Translation;
}

export interface ForeignJudgement {
  records: NewRecord[];
  rejected: RejectedEvent[];
  /** Of the accepted events, in order: none of them is the sender's own. */
  ids: string[];
}

/**
 * Judges items of another form: each is translated, and then judged as `POST /v1/events` does it, by the same code. What
 * is wrong is told of the fields that the sender wrote.
 */
export function judgeForeignEvents({ items, translate }: ForeignItems, options: JudgeOptions): ForeignJudgement {
  const judgement: ForeignJudgement = { records: [], rejected: [], ids: [] };
  let run: (ForeignEvent & { index: number })[] = [];
  let runSkewMs = options.skewMs;

  // Those next to each other whose clock is off by as much, which is nearly always all of them.
  const judgeRun = () => {
    const events = run.map(({ event }) => event);
    const { records, rejected } = judgeEvents({ items: events }, { ...options, skewMs: runSkewMs });
    const refused = new Set(rejected.map(({ index }) => index));
    for (const { index: place, eventId, errors } of rejected) {
      const { index, pointers } = run[place] as (typeof run)[number];
      judgement.rejected.push({
        index,
        ...(eventId !== undefined && { eventId }),
        errors: errors.map((error) => ({ ...error, pointer: pointerInItem(error.pointer, pointers) })),
      });
    }
    for (const record of records) judgement.records.push(record);
    for (const [index, event] of events.entries()) {
      if (!refused.has(index)) judgement.ids.push(event.eventId as string);
    }
    run = [];
  };

  for (const [index, item] of items.entries()) {
    const translation = translate(item);
    if ('errors' in translation) {
      judgement.rejected.push({ index, errors: translation.errors });
      continue;
    }
    const { skewMs = options.skewMs } = translation;
    if (skewMs !== runSkewMs) judgeRun();
    runSkewMs = skewMs;
    run.push({ ...translation, index });
  }
  judgeRun();
  judgement.rejected.sort((a, b) => a.index - b.index);
  return judgement;
}

function pointerInItem(pointer: string, table: PointerTable): string {
  for (const [inEvent, inItem] of table) {
    if (pointer === inEvent) return inItem;
    if (pointer.startsWith(`${inEvent}/`)) return inItem + pointer.slice(inEvent.length);
  }
  return pointer;
}
