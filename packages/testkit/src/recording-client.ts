import { setTimeout as sleep } from 'node:timers/promises';

export interface RecordingClientOptions {
  /** Where the API is now; asked before every try, since a restart may move it. */
  url(): string;
  writeKey: string;
  /** Events of one request; a function is asked for each. */
  batchSize: number | (() => number);
  /** Requests in flight. */
  concurrency: number;
  /** Every so many batches one is sent again after it was acknowledged. 0: never. A function is asked for each batch. */
  repeatEvery?: number | (() => number);
  /** Once it is aborted nothing more is sent, whether it was acknowledged or not. */
  signal?: AbortSignal;
  /** Told before a request is tried again. */
  onRetry?(): void;
  /** Told of every acknowledgement, with the number of events acknowledged so far, and the ids of these. */
  onAcknowledged?(total: number, eventIds: readonly string[]): void;
}

export interface Recording {
  /** Ids of all events that an answer of 202 acknowledged. */
  acknowledged: Set<string>;
  /** Requests that were tried again, after an error or a 503. */
  retries: number;
  /** Batches sent again on purpose after their acknowledgement. */
  repeated: number;
  seconds: number;
}

const TRY_MS = 15_000;
const PAUSE_MS = 100;

/**
 * Sends events (lines of JSON with an `eventId`) as a careful client does: each batch again and again until it is
 * acknowledged, through whatever happens to the server. What it recorded can then be held against what was stored. Lines
 * that come in their own time set the pace.
 * @throws when the server refuses an event: the load is valid, so that is a fault
 */
export async function sendRecorded(
  lines: Iterable<string> | AsyncIterable<string>,
  options: RecordingClientOptions,
): Promise<Recording> {
  const { batchSize, concurrency, repeatEvery = 0, signal, onAcknowledged, onRetry } = options;
  const recording: Recording = { acknowledged: new Set(), retries: 0, repeated: 0, seconds: 0 };
  const begun = performance.now();
  const iterator = Symbol.asyncIterator in lines ? lines[Symbol.asyncIterator]() : lines[Symbol.iterator]();
  let batches = 0;
  let turn: Promise<unknown> = Promise.resolve();

  async function takeBatch(): Promise<string[]> {
    const batch: string[] = [];
    for (const wanted = asked(batchSize); batch.length < wanted; ) {
      const { value, done } = await iterator.next();
      if (done) break;
      batch.push(value);
    }
    return batch;
  }

  /** One after the other: each is filled before the next is begun. */
  function nextBatch(): Promise<string[]> {
    const batch = turn.then(takeBatch);
    turn = batch.catch(() => {});
    return batch;
  }

  /** False if it was told to end before. */
  async function send(batch: readonly string[]): Promise<boolean> {
    for (;;) {
      const outcome = await trySend(`[${batch.join(',')}]`, options);
      if (outcome === 'acknowledged') return true;
      if (signal?.aborted) return false;
      recording.retries++;
      onRetry?.();
      await sleep(PAUSE_MS);
    }
  }

  async function work(): Promise<void> {
    for (let batch = await nextBatch(); batch.length > 0; batch = await nextBatch()) {
      const every = asked(repeatEvery);
      const repeat = every > 0 && ++batches % every === 0;
      if (!(await send(batch))) return;
      const eventIds = batch.map((line) => (JSON.parse(line) as { eventId: string }).eventId);
      for (const eventId of eventIds) recording.acknowledged.add(eventId);
      onAcknowledged?.(recording.acknowledged.size, eventIds);
      if (repeat) {
        await send(batch);
        recording.repeated++;
      }
    }
  }

  await Promise.all(Array.from({ length: concurrency }, work));
  recording.seconds = (performance.now() - begun) / 1000;
  return recording;
}

const asked = (value: number | (() => number)): number => (typeof value === 'function' ? value() : value);

async function trySend(body: string, { url, writeKey }: RecordingClientOptions): Promise<'acknowledged' | 'again'> {
  let response: Response;
  let answer: { accepted?: number; rejected?: unknown[] };
  try {
    response = await fetch(`${url()}/v1/events`, {
      method: 'POST',
      headers: { authorization: `Bearer ${writeKey}`, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(TRY_MS),
    });
    answer = (await response.json()) as typeof answer;
  } catch {
    return 'again'; // refused, cut off, or too late: nothing is known, so nothing is acknowledged
  }
  if (response.status === 503) return 'again';
  if (response.status !== 202 || (answer.rejected?.length ?? 0) > 0) {
    throw new Error(`The API answered ${response.status} to valid events: ${JSON.stringify(answer).slice(0, 500)}`);
  }
  return 'acknowledged';
}
