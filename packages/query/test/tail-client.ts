import { type ClientRequest, get as httpGet, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { type Scope, signAccessToken } from '@wayline/identity/verify';
import { type QueryUnderTest, SECRET } from './query-under-test.ts';

/** One block of Server-Sent Events. */
export interface TailBlock {
  /** `message` where none is named. */
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into data of every form
  data: any;
  /** The last id told, here or before. */
  id: string;
  /** When it was read, by `performance.now()`. */
  atMs: number;
}

export interface TailAsking {
  projectId?: number;
  scopes?: Scope[];
  lastEventId?: string;
  expiresInSeconds?: number;
}

/** A reader of the tail, as a browser's EventSource reads it. */
export interface TailClient {
  status: number;
  headers: IncomingHttpHeaders;
  /** Blocks with data, as far as they have come. */
  blocks: TailBlock[];
  /** The last id told. */
  id(): string;
  /** Comments, so far. */
  comments(): number;
  /** Resolves as soon as it holds; it is asked after each piece that comes. */
  until(holds: () => boolean): Promise<void>;
  /** The next so many blocks that were not asked for yet. */
  next(count: number): Promise<TailBlock[]>;
  /** All of the ids of events among the blocks. */
  eventIds(): string[];
  /** Resolves when the server has ended it. */
  ended: Promise<void>;
  /** Reads no more, and stays connected. */
  stall(): void;
  goOn(): void;
  close(): void;
}

/** Opens a tail; resolves when the head of the answer is there: what is stored from then on comes. */
export async function openTail(
  api: Pick<QueryUnderTest, 'url'>,
  query = '',
  asking: TailAsking = {},
): Promise<TailClient> {
  const { projectId = 1, scopes = ['read'], lastEventId, expiresInSeconds = 60 } = asking;
  const token = await signAccessToken({ projectId, subject: 'tester', scopes, expiresInSeconds }, SECRET);
  const headers = {
    authorization: `Bearer ${token}`,
    ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
  };
  let request: ClientRequest | undefined;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request = httpGet(`${api.url}/v1/tail${query}`, { headers, agent: false }, resolve).on('error', reject);
  });
  request?.on('error', () => undefined);
  return readTail(response, () => request?.destroy());
}

function readTail(response: IncomingMessage, close: () => void): TailClient {
  const blocks: TailBlock[] = [];
  const watchers = new Set<() => void>();
  let text = '';
  let lastId = '';
  let comments = 0;
  let taken = 0;

  function read(block: string): void {
    let event = 'message';
    let data = '';
    for (const line of block.split('\n')) {
      if (line.startsWith(':')) comments++;
      else if (line.startsWith('id: ')) lastId = line.slice(4);
      else if (line.startsWith('event: ')) event = line.slice(7);
      else if (line.startsWith('data: ')) data += line.slice(6);
    }
    if (data !== '') blocks.push({ event, data: JSON.parse(data), id: lastId, atMs: performance.now() });
  }

  response.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    const parts = text.split('\n\n');
    text = parts.pop() as string;
    for (const part of parts) read(part);
    for (const watch of watchers) watch();
  });
  const ended = new Promise<void>((resolve) => response.once('close', resolve).once('error', () => resolve()));

  function until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!holds()) return;
        watchers.delete(watch);
        resolve();
      };
      watchers.add(watch);
      watch();
    });
  }

  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    blocks,
    id: () => lastId,
    comments: () => comments,
    until,
    async next(count) {
      await until(() => blocks.length >= taken + count);
      taken += count;
      return blocks.slice(taken - count, taken);
    },
    eventIds: () => blocks.filter(({ event }) => event === 'message').map(({ data }) => data.eventId),
    ended,
    stall: () => void response.pause(),
    goOn: () => void response.resume(),
    close,
  };
}
