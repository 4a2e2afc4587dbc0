import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import type { EventLog, NewRecord } from '@wayline/event-log';
import { createVerifier, formatWriteKey } from '@wayline/identity/verify';
import { GROUP, type QueryUnderTest, SECRET, startQuery } from '../../query/test/query-under-test.ts';
import { createWorker, type Worker } from '../src/index.ts';

const verifier = createVerifier({ secrets: [SECRET] });
const silent = { info() {}, warn() {}, error() {} };
const KEY = formatWriteKey({ projectId: 1, keyId: 'k1', allowImport: false }, SECRET);
export const DAY = 86_400_000;

/** An event that becomes a dead letter, and as it is once somebody has mended it. */
export const typo = { sessionId: 's-1', type: 'click', colour: 'red' };
export const mended = { sessionId: 's-1', type: 'click', context: { colour: 'red' } };

export const direct = (value: unknown, key: string | null = KEY): NewRecord => ({
  key: (value as { sessionId?: string }).sessionId ?? 's-1',
  value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  ...(key !== null && { headers: { 'wayline-key': key } }),
});

type Append = (log: EventLog, topic: string, records: readonly NewRecord[]) => Promise<void>;

/** A real worker and the real API on one log and one database: what the one puts aside, the other replays. New for each test. */
export function replayScene() {
  let query: QueryUnderTest;
  let worker: Worker | undefined;
  let append: Append | undefined;

  beforeEach(async () => {
    append = undefined;
    query = await startQuery({
      partitions: 4,
      seenLog: (log) => ({
        id: log.id,
        append: (topic, records) => (append ? append(log, topic, records) : log.append(topic, records)),
        ranges: (topic) => log.ranges(topic),
        peek: (position) => log.peek(position),
      }),
    });
  });
  afterEach(async () => {
    await stopWorker();
    await query.close();
  });

  async function startWorker(): Promise<void> {
    if (worker) return;
    worker = createWorker({ log: query.log, pool: query.pool, group: GROUP, verifier, logger: silent });
    await worker.start();
  }

  async function stopWorker(): Promise<void> {
    await worker?.stop();
    worker = undefined;
  }

  /** Resolves when the stored positions have reached the ends of the log. */
  async function allRead(): Promise<void> {
    for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(10)) {
      const { pending } = await query.read('/v1/ledger', { scopes: ['admin'] });
      if (pending === 0) return;
    }
    throw new Error('the log is not read to its end');
  }

  return {
    query: () => query,
    startWorker,
    stopWorker,
    allRead,

    /** Takes the place of the log's own, as the API sees it. */
    appendBy(by: Append | undefined): void {
      append = by;
    },

    /** Appends records of services, and lets the worker put them aside; answers with the ids of the dead letters. */
    async deadLetters(...records: NewRecord[]): Promise<string[]> {
      await query.log.append(TOPICS.direct, records);
      await startWorker();
      await allRead();
      const { rows } = await query.pool.query<{ id: number }>('SELECT id FROM dead_letters ORDER BY id');
      return rows.slice(-records.length).map(({ id }) => String(id));
    },

    replay: async (id: string, body: object = {}) => (await query.post(`/v1/dead-letters/${id}/replay`, body)).body,
    show: (id: string) => query.read(`/v1/dead-letters/${id}`, { scopes: ['admin'] }),

    async stored() {
      const { rows } = await query.pool.query(
        'SELECT event_id AS "eventId", session_id AS "sessionId", received_at AS "receivedMs", occurred_at AS "occurredMs" FROM events ORDER BY occurred_at, event_id',
      );
      return rows;
    },

    async appended(): Promise<number> {
      return (await query.log.ranges(TOPICS.events)).reduce((sum, { start, end }) => sum + end - start, 0);
    },

    /** Read = stored + duplicate + dead-lettered. */
    async expectBalance(expected: object): Promise<void> {
      const { hours } = await query.read('/v1/ledger', { scopes: ['admin'] });
      const sum = (name: string) =>
        hours.reduce((total: number, hour: Record<string, number>) => total + (hour[name] ?? 0), 0);
      expect(hours.every(({ balanced }: { balanced: boolean }) => balanced)).toBe(true);
      expect({ stored: sum('stored'), duplicate: sum('duplicate'), deadLettered: sum('deadLettered') }).toEqual(
        expected,
      );
    },
  };
}
