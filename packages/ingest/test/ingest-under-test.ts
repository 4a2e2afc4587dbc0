import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LoggedEvent, TOPICS } from '@wayline/contracts';
import { describeApi } from '@wayline/contracts/api';
import type { EventLog, LogConsumer, LogRecord } from '@wayline/event-log';
import { createEmbeddedLog } from '@wayline/event-log/embedded';
import { noSuchRoute, problemHandler, requestId } from '@wayline/http';
import { createVerifier, formatWriteKey, type Scope, signAccessToken } from '@wayline/identity/verify';
import { type ApiChecker, createApiChecker } from '@wayline/testkit';
import express from 'express';
import { createIngest, type IngestOptions, type StreamDoor } from '../src/index.ts';

const SECRET = 'a-secret-of-this-test-of-40-characters-00';

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
  body: any;
}

export interface PostOptions {
  /** Default: a write key of project 1. null: none. */
  credential?: string | null;
  /** null: no such header. */
  headers?: Record<string, string | null>;
}

/** The real doors on a real server, before a real log in a folder of its own. */
export interface IngestUnderTest {
  url: string;
  port: number;
  log: EventLog;
  /** What the server logged as its own faults. */
  faults: unknown[];
  /** All else that it logged: the fields, with the message. */
  told: object[];
  /** Holds every answer against the description of the API. */
  api: ApiChecker;
  /** Sends an object as JSON, a text or bytes as they are. */
  post(path: string, body: unknown, options?: PostOptions): Promise<Answer>;
  /** How many times a browser has asked whether a page may write. */
  preflights(): number;
  /** All that is in the log; events of a session are in their order there. */
  logged(): Promise<LoggedEvent[]>;
  stream: StreamDoor;
  records(): Promise<Collected[]>;
  /** As `logged`, once so many events have come in since the server began, or `forget`. */
  arrived(count: number): Promise<LoggedEvent[]>;
  /** Leaves behind what was logged, and asked by browsers, up to now: so that the tests of a file may share a server. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

export const writeKey = ({ projectId = 1, allowImport = false } = {}): string =>
  formatWriteKey({ projectId, keyId: 'test', allowImport }, SECRET);

export const accessToken = (scopes: Scope[], { projectId = 1, expiresInSeconds = 60 } = {}): Promise<string> =>
  signAccessToken({ projectId, subject: 'tester', scopes, expiresInSeconds }, SECRET);

export interface IngestSetup extends Partial<Omit<IngestOptions, 'verifier' | 'logger'>> {
  maxBytesInFlight?: number;
  /** Whether `POST /v1/events` is answered before express, as in the product. Default true. */
  hot?: boolean;
  requestTimeoutMs?: number;
}

export async function startIngest(setup: IngestSetup = {}): Promise<IngestUnderTest> {
  const { maxBytesInFlight, requestTimeoutMs = 30_000, hot = true, ...router } = setup;
  const api = createApiChecker(describeApi({ roles: ['ingest'], version: '0', nowMs: Date.now() }));
  const folder = await mkdtemp(join(tmpdir(), 'wayline-ingest-'));
  const log =
    setup.log ??
    (await createEmbeddedLog({
      folder,
      topics: [{ name: TOPICS.events, partitions: 4 }],
      maxBytesInFlight,
    }));
  const faults: unknown[] = [];
  const told: object[] = [];
  const tell = (fields: object, message: string) => void told.push({ ...fields, message });
  const logger = {
    debug: tell,
    info: tell,
    warn: tell,
    error: (fields: object) => void faults.push(fields),
  };

  const app = express();
  app.disable('x-powered-by');
  app.use(requestId);
  const ingest = createIngest({ ...router, log, logger, verifier: createVerifier({ secrets: [SECRET] }) });
  app.use(ingest.router);
  app.use(noSuchRoute);
  app.use(problemHandler(logger));
  let preflights = 0;
  const server = await listening(
    // Without a keep-alive time-out: a client may take up a connection just when the server closes it.
    createServer(
      { requestTimeout: requestTimeoutMs, connectionsCheckingInterval: 50, keepAliveTimeout: 0 },
      (request, response) => {
        if (request.method === 'OPTIONS') preflights++;
        if (!hot || !ingest.hotPath(request, response)) app(request, response);
      },
    ),
  );
  server.on('upgrade', (request, socket, head) => {
    if (!ingest.stream.upgrade(request, socket, head)) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  const collected = collector(log);

  return {
    url,
    port,
    log,
    faults,
    told,
    preflights: () => preflights,
    records: collected.all,
    logged: async () => (await collected.all()).map(({ value }) => JSON.parse(String(value)) as LoggedEvent),
    arrived: async (count) =>
      (await collected.atLeast(count)).map(({ value }) => JSON.parse(String(value)) as LoggedEvent),
    async forget() {
      (await collected.all()).splice(0);
      preflights = 0;
    },
    api,
    post: (path, body, options) => post({ url, path, api }, body, options),
    stream: ingest.stream,
    async close() {
      await ingest.stream.close(1000);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Collected = LogRecord & { partition: number };

interface Collector {
  /** Waits until everything that stands in the log by now was read. */
  all(): Promise<Collected[]>;
  /** Waits until so many records were read. */
  atLeast(count: number): Promise<Collected[]>;
}

/** Reads the log from its start. */
function collector(log: EventLog): Collector {
  const records: Collected[] = [];
  const next = new Map<number, number>();
  let consumer: Promise<LogConsumer> | undefined;
  let advanced = () => {};

  const begin = () =>
    log.consume({
      group: 'test',
      topics: [TOPICS.events],
      begin: async ({ start }) => ({ offset: start }),
      async handle(batch) {
        for (const record of batch.records) records.push({ ...record, partition: batch.partition });
        next.set(batch.partition, batch.nextOffset);
        advanced();
        return batch.nextOffset;
      },
    });

  const advance = () =>
    new Promise<void>((resolve) => {
      advanced = resolve;
    });

  return {
    async atLeast(count) {
      consumer ??= begin();
      await consumer;
      while (records.length < count) await advance();
      return records;
    },
    async all() {
      consumer ??= begin();
      await consumer;
      const ranges = await log.ranges(TOPICS.events);
      while (ranges.some(({ partition, start, end }) => (next.get(partition) ?? start) < end)) {
        await advance();
      }
      return records;
    },
  };
}

function listening(server: Server): Promise<Server> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function post(
  { url, path, api }: Pick<IngestUnderTest, 'url' | 'api'> & { path: string },
  body: unknown,
  { credential, headers = {} }: PostOptions = {},
): Promise<Answer> {
  const raw = typeof body === 'string' || body instanceof Uint8Array || body === undefined;
  const all: Record<string, string | null> = {
    'content-type': 'application/json',
    authorization: credential === null ? null : `Bearer ${credential ?? writeKey()}`,
    ...headers,
  };
  const response = await fetch(url + path, {
    method: 'POST',
    headers: Object.entries(all).filter((header): header is [string, string] => header[1] !== null),
    body: raw ? (body as string | Uint8Array<ArrayBuffer> | undefined) : JSON.stringify(body),
  });
  const text = await response.text();
  api.check({ method: 'POST', path, status: response.status, headers: response.headers, text });
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}
