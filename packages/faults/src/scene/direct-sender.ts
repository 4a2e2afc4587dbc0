import { setTimeout as sleep } from 'node:timers/promises';
import { KEY_HEADER, TOPICS } from '@wayline/contracts';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import type { PacedEvent } from './paced-events.ts';

export interface DirectSenderOptions {
  brokers: readonly string[];
  writeKey: string;
  onRetry(): void;
  onAcknowledged(eventId: string): void;
}

/** A service that writes straight to Kafka, each event again and again until Kafka has it. */
export interface DirectSender {
  /** Resolves when the last event of the source was acknowledged, or soon after the signal. */
  sendAll(events: AsyncIterable<PacedEvent>, signal: AbortSignal): Promise<void>;
  /** Resolves when nothing is under way any more; nothing is sent until `goOn`. */
  hold(): Promise<void>;
  goOn(): void;
  close(): Promise<void>;
}

const PAUSE_MS = 200;

export function createDirectSender({ brokers, writeKey, ...tell }: DirectSenderOptions): DirectSender {
  const producer = new Kafka({
    brokers: [...brokers],
    clientId: 'service',
    logLevel: logLevel.NOTHING,
    requestTimeout: 5000,
    retry: { retries: 1 },
  }).producer({ createPartitioner: Partitioners.DefaultPartitioner });
  let gate: { opened: Promise<void>; open(): void } | undefined;
  let underWay: Promise<boolean> | undefined;

  async function trySend({ sessionId, line }: PacedEvent): Promise<boolean> {
    try {
      await producer.connect();
      // One record a call: with several, kafkajs may acknowledge what it did not send.
      const messages = [{ key: sessionId, value: line, headers: { [KEY_HEADER]: writeKey } }];
      await producer.send({ topic: TOPICS.direct, messages, acks: -1 });
      return true;
    } catch {
      return false;
    }
  }

  return {
    async sendAll(events, signal) {
      for await (const event of events) {
        for (;;) {
          await gate?.opened;
          underWay = trySend(event);
          if (await underWay) break;
          if (signal.aborted) return;
          tell.onRetry();
          await sleep(PAUSE_MS);
        }
        tell.onAcknowledged(event.eventId);
      }
    },
    async hold() {
      let open = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      gate = { opened, open };
      await underWay;
    },
    goOn() {
      gate?.open();
      gate = undefined;
    },
    close: () => producer.disconnect(),
  };
}
