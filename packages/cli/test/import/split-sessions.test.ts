import { tmpdir } from 'node:os';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { AccessEvent } from '../../src/import/access-log-event.ts';
import type { ImportEvent } from '../../src/import/import-event.ts';
import { createPseudonyms } from '../../src/import/pseudonyms.ts';
import { splitSessions } from '../../src/import/split-sessions.ts';

const pseudonyms = createPseudonyms('a salt for tests only');
const IDLE_MS = 30 * 60_000;

interface Request {
  visitor: number;
  timeMs: number;
}

async function split(requests: readonly Request[]): Promise<{ events: ImportEvent[]; sessions: number }> {
  async function* blocks(): AsyncGenerator<AccessEvent[]> {
    for (const [index, { visitor, timeMs }] of requests.entries()) {
      const event = { type: 'request' };
      yield [{ line: index + 1, timeMs, visitor: pseudonyms.visitor(`client ${visitor}`, 'agent'), event, cut: false }];
    }
  }
  const tally = { lines: 0, events: 0, placed: 0, sessions: 0, cut: 0 };
  const sort = { folder: tmpdir(), memoryBytes: 1000, maxRuns: 2 };
  const events: ImportEvent[] = [];
  for await (const block of splitSessions(blocks(), { pseudonyms, sort, tally })) events.push(...block);
  return { events, sessions: tally.sessions };
}

/** The obvious way: all in memory. Line numbers of each session, in its order; sessions by their first time and id. */
function expectedSessions(requests: readonly Request[]): { sessionId: string; lines: number[] }[] {
  const sessions: { sessionId: string; visitor: number; firstMs: number; lastMs: number; lines: number[] }[] = [];
  const inOrder = requests
    .map((request, index) => ({ ...request, line: index + 1 }))
    .sort((a, b) => a.timeMs - b.timeMs || a.line - b.line);
  for (const { visitor, timeMs, line } of inOrder) {
    const open = sessions.findLast((session) => session.visitor === visitor);
    if (open && timeMs - open.lastMs <= IDLE_MS) {
      open.lines.push(line);
      open.lastMs = timeMs;
      continue;
    }
    const sessionId = `s-${pseudonyms.session(pseudonyms.visitor(`client ${visitor}`, 'agent'), timeMs)}`;
    sessions.push({ sessionId, visitor, firstMs: timeMs, lastMs: timeMs, lines: [line] });
  }
  return sessions
    .sort((a, b) => a.firstMs - b.firstMs || (a.sessionId < b.sessionId ? -1 : 1))
    .map(({ sessionId, lines }) => ({ sessionId, lines }));
}

test('sessions are those that the obvious way finds, whatever the order of the lines', async () => {
  const request = fc.record({
    visitor: fc.nat(3),
    // Often exactly 30 minutes apart, or a millisecond more; also before 1970.
    timeMs: fc
      .tuple(fc.integer({ min: -5, max: 20 }), fc.integer({ min: -1, max: 1 }))
      .map(([slots, ms]) => slots * (IDLE_MS / 2) + ms),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 60 }), async (requests) => {
      const { events, sessions } = await split(requests);
      const found = Array.from(bySession(events), ([sessionId, lines]) => ({
        sessionId,
        lines,
      }));
      const expected = expectedSessions(requests);
      expect(found).toEqual(expected);
      expect(sessions).toBe(expected.length);
      // Each session's events stand together.
      expect(events.map(({ line }) => line)).toEqual(expected.flatMap(({ lines }) => lines));
    }),
    { numRuns: 80 },
  );
});

function bySession(events: readonly ImportEvent[]): Map<string, number[]> {
  const lines = new Map<string, number[]>();
  for (const { sessionId, line } of events) lines.set(sessionId, [...(lines.get(sessionId) ?? []), line]);
  return lines;
}

test('requests exactly 30 minutes apart are one session, a millisecond more makes two', async () => {
  expect((await split([0, IDLE_MS].map((timeMs) => ({ visitor: 1, timeMs })))).sessions).toBe(1);
  expect((await split([0, IDLE_MS + 1].map((timeMs) => ({ visitor: 1, timeMs })))).sessions).toBe(2);
});

test('an event is given its session as a field, and is otherwise as it was', async () => {
  const { events } = await split([{ visitor: 1, timeMs: 0 }]);
  const [event] = events as [ImportEvent];
  expect(JSON.parse(event.json)).toEqual({ sessionId: event.sessionId, type: 'request' });
});
