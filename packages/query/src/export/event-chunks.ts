import { type EventSelection, type LongReader, readEvents, type StoredEvent } from '@wayline/store';
import { eventJson } from '../event-json.ts';
import { createTimeTeller } from '../time-teller.ts';
import { CSV_HEADER, eventCsv, type Formulas } from './event-csv.ts';

/** How many events an export has written: told at its end. */
export interface Tally {
  events: number;
}

/** How the events of one export are written. */
export interface LineForm {
  /** Before the first line. */
  head: string;
  /** With its end. */
  line(event: StoredEvent): string;
}

/** A line holds what `GET …/events` has in its list. JSON has line ends only between its words, where a space does as well. */
export function ndjson(): LineForm {
  const tell = createTimeTeller();
  return {
    head: '',
    line(event) {
      const json = eventJson(event, tell);
      return json.includes('\n') || json.includes('\r') ? `${json.replace(/[\r\n]/g, ' ')}\n` : `${json}\n`;
    },
  };
}

export function csv(formulas: Formulas): LineForm {
  const tell = createTimeTeller();
  return { head: CSV_HEADER, line: (event) => eventCsv(event, { formulas, tell }) };
}

/** The lines of a selection, as many at once as the database gives; the first comes even where there are no events. */
export async function* eventChunks(
  reader: LongReader,
  selection: EventSelection,
  { form, tally }: { form: LineForm; tally: Tally },
): AsyncGenerator<string> {
  let text = form.head;
  for await (const events of readEvents(reader, selection)) {
    for (const event of events) text += form.line(event);
    tally.events += events.length;
    yield text;
    text = '';
  }
}
