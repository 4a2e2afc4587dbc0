import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventTimes, type IdentifiedEvent, type LoggedEvent, TOPICS, uuidV7 } from '@wayline/contracts';
import { describeApi } from '@wayline/contracts/api';
import type { EventLog } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { noSuchRoute, problemHandler, requestId } from '@wayline/http';
import { createVerifier, type Scope, signAccessToken } from '@wayline/identity/verify';
import {
  BatchWriter,
  createPool,
  type DeadLetter,
  ensurePosition,
  findReaderRole,
  type JudgedRecord,
  type Pool,
} from '@wayline/store';
import { type ApiChecker, createApiChecker } from '@wayline/testkit';
import express from 'express';
import { createStoreDatabase } from '../../store/test/store-database.ts';
import { createQueryRouter, type QueryRouterOptions } from '../src/index.ts';

export const SECRET = 'a-secret-of-this-test-of-40-characters-00';
export const GROUP = 'test';
/** Holds what tests store without a log: `completeThrough` looks only at Wayline's own topics. */
const ELSEWHERE = 'elsewhere';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
  body: any;
}

export interface Asking {
  projectId?: number;
  scopes?: Scope[];
  /** In place of a token. null: none. */
  credential?: string | null;
  allowImport?: boolean;
}

export interface Stored {
  projectId?: number;
  skewMs?: number;
  receivedMs?: number;
  /** When the log took it, epoch ms. */
  logMs?: number;
}

/** The record behind a dead letter. */
export interface DeadRecord extends Stored {
  topic?: string;
  /** A text, or what is written as JSON. Default `?`. */
  value?: unknown;
  headers?: Record<string, string>;
}

/** The real API on a real server, before a real PostgreSQL and a real log, both of its own. */
export interface QueryUnderTest {
  pool: Pool;
  databaseUrl: string;
  log: EventLog;
  url: string;
  /** What the server logged as its own faults. */
  faults: unknown[];
  /** Holds every answer against the description of the API. */
  api: ApiChecker;
  /** Requests that are not answered to their end. */
  requests(): number;
  get(path: string, asking?: Asking): Promise<Answer>;
  post(path: string, body?: object, asking?: Asking): Promise<Answer>;
  /** The body of an answer of 200. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
  read(path: string, asking?: Asking): Promise<any>;
  /** Stores events as a worker does, without a log. */
  store(events: readonly IdentifiedEvent[], stored?: Stored): Promise<void>;
  /** Puts a record aside, as a worker does; answers with the id of the dead letter. */
  deadLetter(letter: DeadLetter, record?: DeadRecord): Promise<string>;
  /** Appends events to the log, to be stored by `catchUp`. */
  append(events: readonly IdentifiedEvent[]): Promise<void>;
  /** Stores what is unread of one partition of the log. */
  catchUp(partition: number): Promise<void>;
  /** Has the API look how far the log goes: a look serves whoever asks soon after it. */
  seeLog(): Promise<void>;
  close(): Promise<void>;
}

export const SESSION_START = Date.parse('2026-11-20T12:00:00.000Z');

/** An event so many ms after `SESSION_START`. */
export function eventAt(ms: number, fields: Partial<IdentifiedEvent> = {}): IdentifiedEvent {
  const occurredAt = SESSION_START + ms;
  return { eventId: uuidV7(occurredAt), sessionId: 's-1', type: 'pageVisit', occurredAt, ...fields };
}

/** What every event has, in the order in which it is told. */
export const LEAST_FIELDS = ['eventId', 'sessionId', 'type', 'namespace', 'occurredAt', 'correctedAt', 'receivedAt'];
export const app = (name: string) => ({ source: { kind: 'app' as const, name } });
export const microservice = (name: string) => ({ source: { kind: 'microservice' as const, name } });

function judged(event: IdentifiedEvent, { projectId = 1, skewMs = 0, ...times }: Stored): Omit<JudgedRecord, 'offset'> {
  const timeMs = times.logMs ?? SESSION_START;
  const receivedMs = times.receivedMs ?? timeMs;
  return {
    timeMs,
    projectId,
    original: { key: Buffer.from(event.sessionId), value: Buffer.from(JSON.stringify(event)), headers: {} },
    verdict: { store: { event, receivedMs, times: eventTimes(event, receivedMs, skewMs) } },
  };
}

export async function startQuery(
  options: Partial<
    Pick<
      QueryRouterOptions,
      | 'now'
      | 'log'
      | 'pool'
      | 'statementTimeoutMs'
      | 'pastDays'
      | 'maxWaiting'
      | 'readerRole'
      | 'exports'
      | 'stopping'
      | 'tailLimits'
    >
  > & {
    partitions?: number;
    /** How the API sees the log, where that is not as it is. */
    seenLog?(log: EventLog): QueryRouterOptions['log'];
  } = {},
): Promise<QueryUnderTest> {
  const { partitions = 2, seenLog = (real) => real, ...router } = options;
  const api = createApiChecker(describeApi({ roles: ['query'], version: '0', nowMs: Date.now() }));
  const database = await createStoreDatabase();
  const pool = createPool({ url: database.url, max: 6, applicationName: 'query test' });
  const folder = await mkdtemp(join(tmpdir(), 'wayline-query-'));
  const topics = [TOPICS.events, TOPICS.direct].map((name) => ({ name, partitions }));
  const log = await createEmbeddedLog({ folder, topics });
  const writer = new BatchWriter({
    pool,
    logId: log.id,
    group: GROUP,
    timeouts: { statementMs: 20_000, idleMs: 15_000, lockMs: 10_000 },
  });
  const positionOf = (topic: string, partition: number) =>
    ensurePosition(pool, { logId: log.id, group: GROUP, topic, partition }, 0);

  async function write(topic: string, partition: number, records: Omit<JudgedRecord, 'offset'>[]): Promise<void> {
    const { nextOffset: firstOffset } = await positionOf(topic, partition);
    const nextOffset = firstOffset + records.length;
    const placed = records.map((record, index) => ({ ...record, offset: firstOffset + index }));
    await writer.write([{ topic, partition, firstOffset, nextOffset, records: placed }]);
  }

  const faults: unknown[] = [];
  const logger = {
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (fields: object) => void faults.push(fields),
  };
  const verifier = createVerifier({ secrets: [SECRET] });
  const application = express();
  application.use(requestId);
  const readerRole = await findReaderRole(pool, logger);
  application.use(
    createQueryRouter({ pool, log: seenLog(log), group: GROUP, verifier, logger, readerRole, ...router }),
  );
  application.use(noSuchRoute);
  application.use(problemHandler(logger));
  const server = await listening(createServer(application));
  let requests = 0;
  server.on('request', (_request, response) => {
    requests++;
    response.once('close', () => requests--);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function ask(
    path: string,
    { projectId = 1, scopes = ['read'], credential, allowImport }: Asking,
    init: RequestInit = {},
  ): Promise<Answer> {
    const claims = { projectId, subject: 'tester', scopes, expiresInSeconds: 60, allowImport };
    const token = credential ?? (await signAccessToken(claims, SECRET));
    const headers = { ...init.headers, ...(credential !== null && { authorization: `Bearer ${token}` }) };
    const response = await fetch(url + path, { ...init, headers });
    const text = await response.text();
    api.check({ method: init.method ?? 'GET', path, status: response.status, headers: response.headers, text });
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) };
  }
  const get = (path: string, asking: Asking = {}): Promise<Answer> => ask(path, asking);

  return {
    pool,
    databaseUrl: database.url,
    log,
    url,
    faults,
    api,
    requests: () => requests,
    get,
    post: (path, body, asking = {}) =>
      ask(
        path,
        { scopes: ['admin'], ...asking },
        {
          method: 'POST',
          ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        },
      ),
    async read(path, asking) {
      const { status, text, body } = await get(path, asking);
      if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
      return body;
    },
    store: (events, stored = {}) =>
      write(
        ELSEWHERE,
        0,
        events.map((event) => judged(event, stored)),
      ),
    async deadLetter(
      letter,
      { projectId = 1, logMs = SESSION_START, topic = ELSEWHERE, value = '?', headers = {} } = {},
    ) {
      const original = {
        key: letter.sessionId === undefined ? null : Buffer.from(letter.sessionId),
        value: Buffer.isBuffer(value) ? value : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
        headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
      };
      await write(topic, 0, [{ timeMs: logMs, projectId, original, verdict: { deadLetter: letter } }]);
      const { rows } = await pool.query('SELECT max(id) AS id FROM dead_letters');
      return String(rows[0].id);
    },
    async append(events) {
      const records = events.map((event) => {
        const logged: LoggedEvent = { project: 1, receivedAt: SESSION_START, event };
        return { key: event.sessionId, value: Buffer.from(JSON.stringify(logged)) };
      });
      await log.append(TOPICS.events, records);
    },
    async catchUp(partition) {
      const { nextOffset } = await positionOf(TOPICS.events, partition);
      const records: Omit<JudgedRecord, 'offset'>[] = [];
      for (let offset = nextOffset; ; offset++) {
        const record = await log.peek({ topic: TOPICS.events, partition, offset });
        if (!record) break;
        const { project, receivedAt, event } = JSON.parse(String(record.value)) as LoggedEvent;
        records.push(judged(event, { projectId: project, receivedMs: receivedAt, logMs: record.timeMs }));
      }
      if (records.length > 0) await write(TOPICS.events, partition, records);
    },
    async seeLog() {
      await get('/v1/ledger', { scopes: ['admin'] });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await pool.end();
      await log.close();
      await rm(folder, { recursive: true, force: true });
      await database.close();
    },
  };
}

function listening(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
