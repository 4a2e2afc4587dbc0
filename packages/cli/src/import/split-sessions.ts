import { LIMITS } from '@wayline/contracts';
import type { AccessEvent } from './access-log-event.ts';
import type { ImportEvent, Tally } from './import-event.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { type SortOptions, sortLines } from './sort-lines.ts';

export interface SessionOptions {
  pseudonyms: Pseudonyms;
  sort: SortOptions;
  tally: Tally;
}

/** So that the order of the texts is the order of the numbers; times before 1970 are moved to above 0. */
const EARLIEST_MS = 100_000_000_000_000;
const sortableTime = (ms: number): string => String(ms + EARLIEST_MS).padStart(15, '0');
const sortableLine = (line: number): string => String(line).padStart(12, '0');

const TIME = 15;
const LINE = 12;
const VISITOR = 22;
const SESSION = VISITOR + 2;

/**
 * Finds the sessions in requests that come in any order: those of one visitor, split where two are over 30 minutes apart.
 * The events come out session by session, in the order in which the sessions began, and inside a session by time and line:
 * so neighbours are stored together. Sorts on disk, twice.
 */
export async function* splitSessions(
  events: AsyncIterable<AccessEvent[]>,
  { pseudonyms, sort, tally }: SessionOptions,
): AsyncGenerator<ImportEvent[]> {
  async function* byVisitor(): AsyncGenerator<string[]> {
    for await (const block of events) {
      yield block.map(
        ({ visitor, timeMs, line, event }) =>
          visitor + sortableTime(timeMs) + sortableLine(line) + JSON.stringify(event),
      );
    }
  }

  async function* withSessions(): AsyncGenerator<string[]> {
    let visitor = '';
    let lastMs = 0;
    /** Begins with the session's first time: it is the key of the second sort. */
    let session = '';
    for await (const block of sortLines(byVisitor(), sort)) {
      yield block.map((text) => {
        const itsVisitor = text.slice(0, VISITOR);
        const time = text.slice(VISITOR, VISITOR + TIME);
        const ms = Number(time) - EARLIEST_MS;
        if (itsVisitor !== visitor || ms - lastMs > LIMITS.sessionIdleMs) {
          visitor = itsVisitor;
          session = `${time}s-${pseudonyms.session(visitor, ms)}`;
          tally.sessions++;
        }
        lastMs = ms;
        tally.placed++;
        return session + text.slice(VISITOR);
      });
    }
  }

  for await (const block of sortLines(withSessions(), sort)) {
    yield block.map((text) => {
      const sessionId = text.slice(TIME, TIME + SESSION);
      const from = TIME + SESSION + TIME;
      const json = text.slice(from + LINE + 1);
      return { line: Number(text.slice(from, from + LINE)), sessionId, json: `{"sessionId":"${sessionId}",${json}` };
    });
  }
}
