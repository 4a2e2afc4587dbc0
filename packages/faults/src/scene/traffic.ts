import { setTimeout as sleep } from 'node:timers/promises';
import { identifiedEvent, type RecordingClientOptions, sendRecorded } from '@wayline/testkit';
import { createDice } from '../dice.ts';
import { createDirectSender, type DirectSender } from './direct-sender.ts';
import { type PacedEvent, pacedEvents } from './paced-events.ts';

export interface TrafficOptions {
  /** Where ingest is. */
  url: string;
  brokers: readonly string[];
  writeKey: string;
  seed: number;
  /** Events a second over HTTP; a tenth as many go straight to Kafka. */
  rate: number;
}

/** Clients that send each event again and again until it is acknowledged, and what they know of them. */
export interface Traffic {
  /** Ids of all events that were acknowledged. */
  readonly acknowledged: ReadonlySet<string>;
  /** Ids of all events that were sent, acknowledged or not. */
  readonly sent: ReadonlySet<string>;
  /** Requests that were tried again, so far. */
  readonly retries: number;
  /** The service that writes straight to Kafka. */
  readonly direct: Pick<DirectSender, 'hold' | 'goOn'>;
  /** From now on every request is sent a second time after its acknowledgement, or only every fiftieth. */
  sendTwice(everything: boolean): void;
  /** Sends an event in each of so many new sessions; resolves with their ids once it is acknowledged. */
  probe(count: number, signal: AbortSignal): Promise<string[]>;
  /** Why it has ended: an event that is valid was refused. */
  readonly refusal: Error | undefined;
  /** Ends it; resolves once all that was sent is acknowledged. */
  stop(): Promise<void>;
  /** Ends it soon, whatever is not acknowledged. */
  abandon(): Promise<void>;
}

const DIRECT_SHARE = 0.1;
const BATCH_LANES = 4;
const BATCH_SIZES = [1, 20, 100, 400] as const;
/** Of the events over HTTP, those that come one at a time. */
const SINGLE_SHARE = 0.15;
const SINGLE_LANES = 8;
const STREAMS = 3;
type Shape = Pick<RecordingClientOptions, 'batchSize' | 'concurrency'>;

const SOMETIMES = 50;
const TRY_MS = 5_000;
const PAUSE_MS = 50;

export function startTraffic({ url, brokers, writeKey, seed, rate }: TrafficOptions): Traffic {
  const dice = createDice(seed);
  const acknowledged = new Set<string>();
  const sent = new Set<string>();
  const stopping = new AbortController();
  const abandoning = new AbortController();
  let retries = 0;
  let repeatEvery = SOMETIMES;
  let refusal: Error | undefined;
  const onRetry = () => void retries++;
  const direct = createDirectSender({ brokers, writeKey, onRetry, onAcknowledged: (id) => acknowledged.add(id) });

  async function* noted(events: AsyncIterable<PacedEvent>): AsyncGenerator<PacedEvent> {
    for await (const event of events) {
      sent.add(event.eventId);
      yield event;
    }
  }
  async function* lines(events: AsyncIterable<PacedEvent>): AsyncGenerator<string> {
    for await (const { line } of events) yield line;
  }

  /** Of each stream other events. */
  const stream = (index: number, perSecond: number) =>
    noted(pacedEvents(perSecond, STREAMS * (seed % 2 ** 30) + index, stopping.signal));

  async function sendOverHttp(events: AsyncIterable<PacedEvent>, shape: Shape): Promise<void> {
    const options = { url: () => url, writeKey, ...shape, repeatEvery: () => repeatEvery };
    try {
      await sendRecorded(lines(events), { ...options, signal: abandoning.signal, onRetry, onAcknowledged });
    } catch (error) {
      refusal = error as Error;
    }
  }
  const onAcknowledged = (_: number, ids: readonly string[]): void => {
    for (const id of ids) acknowledged.add(id);
  };

  const batches = { batchSize: () => dice.pick(BATCH_SIZES), concurrency: BATCH_LANES };
  const singles = { batchSize: 1, concurrency: SINGLE_LANES };
  const sending = Promise.all([
    sendOverHttp(stream(0, rate * (1 - SINGLE_SHARE)), batches),
    sendOverHttp(stream(1, rate * SINGLE_SHARE), singles),
    direct.sendAll(stream(2, rate * DIRECT_SHARE), abandoning.signal),
  ]);

  async function stop(): Promise<void> {
    stopping.abort();
    direct.goOn();
    await sending;
    await direct.close().catch(() => {});
  }

  async function post(body: string, signal: AbortSignal): Promise<boolean> {
    try {
      const response = await fetch(`${url}/v1/events`, {
        method: 'POST',
        headers: { authorization: `Bearer ${writeKey}`, 'content-type': 'application/json' },
        body,
        signal: AbortSignal.any([signal, AbortSignal.timeout(TRY_MS)]),
      });
      await response.body?.cancel();
      return response.status === 202;
    } catch {
      return false;
    }
  }

  return {
    acknowledged,
    sent,
    get retries() {
      return retries;
    },
    get refusal() {
      return refusal;
    },
    direct,
    sendTwice(everything) {
      repeatEvery = everything ? 1 : SOMETIMES;
    },
    async probe(count, signal) {
      const events = Array.from({ length: count }, () => identifiedEvent({ userId: 'probe' }));
      const body = JSON.stringify(events);
      for (const { eventId } of events) sent.add(eventId);
      while (!(await post(body, signal))) {
        signal.throwIfAborted();
        await sleep(PAUSE_MS);
      }
      for (const { eventId } of events) acknowledged.add(eventId);
      return events.map(({ sessionId }) => sessionId);
    },
    stop,
    async abandon() {
      abandoning.abort();
      await stop();
    },
  };
}
