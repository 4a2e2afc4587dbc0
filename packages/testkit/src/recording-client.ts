import { setTimeout as sleep } from 'node:timers/promises';

export interface RecordingClientOptions {
  /** Where the API is now; asked before every try, since a restart may move it. */
  url(): string;
  writeKey: string;
  /** Events of one request. */
  batchSize: number;
  /** Requests in flight. */
  concurrency: number;
  /** Every so many batches one is sent again after it was acknowledged. 0: never. */
  repeatEvery?: number;
  /** Told of every acknowledgement, with the number of events acknowledged so far. */
  onAcknowledged?(total: number): void;
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
 * acknowledged, through whatever happens to the server. What it recorded can then be held against what was stored.
 * @throws when the server refuses an event: the load is valid, so that is a fault
 */
export async function sendRecorded(lines: Iterable<string>, options: RecordingClientOptions): Promise<Recording> {
  const { batchSize, concurrency, repeatEvery = 0, onAcknowledged } = options;
  const recording: Recording = { acknowledged: new Set(), retries: 0, repeated: 0, seconds: 0 };
  const begun = performance.now();
  const iterator = lines[Symbol.iterator]();
  let batches = 0;

  function nextBatch(): string[] {
    const batch: string[] = [];
    while (batch.length < batchSize) {
      const { value, done } = iterator.next();
      if (done) break;
      batch.push(value);
    }
    return batch;
  }

  async function send(batch: readonly string[]): Promise<void> {
    for (;;) {
      const outcome = await trySend(`[${batch.join(',')}]`, options);
      if (outcome === 'acknowledged') return;
      recording.retries++;
      await sleep(PAUSE_MS);
    }
  }

  async function work(): Promise<void> {
    for (let batch = nextBatch(); batch.length > 0; batch = nextBatch()) {
      const repeat = repeatEvery > 0 && ++batches % repeatEvery === 0;
      await send(batch);
      for (const line of batch) recording.acknowledged.add((JSON.parse(line) as { eventId: string }).eventId);
      onAcknowledged?.(recording.acknowledged.size);
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
