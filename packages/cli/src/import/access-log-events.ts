import { type AccessEvent, type AccessEventOptions, accessLogEvent } from './access-log-event.ts';
import type { ImportEvent, LineListener } from './import-event.ts';
import type { InputLine } from './read-lines.ts';
import type { SortOptions } from './sort-lines.ts';
import { splitSessions } from './split-sessions.ts';

/** The events of an access log, one for each request, session by session. Nothing comes before all lines were read. */
export async function* accessLogEvents(
  blocks: AsyncIterable<InputLine[]>,
  { tally, refuse }: LineListener,
  options: AccessEventOptions & { sort: SortOptions },
): AsyncGenerator<ImportEvent[]> {
  async function* requests(): AsyncGenerator<AccessEvent[]> {
    for await (const block of blocks) {
      const events: AccessEvent[] = [];
      for (const line of block) {
        const event = accessLogEvent(line, options);
        tally.lines++;
        if ('code' in event) refuse({ line: line.number, errors: [event] });
        else events.push(event);
      }
      tally.events += events.length;
      tally.cut += events.filter(({ cut }) => cut).length;
      yield events;
    }
  }
  yield* splitSessions(requests(), { pseudonyms: options.pseudonyms, sort: options.sort, tally });
}
