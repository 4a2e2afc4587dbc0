import { setTimeout as sleep } from 'node:timers/promises';
import type { ImportEvent, Refusal } from './import-event.ts';
import { type PostOptions, type PostOutcome, postBatch } from './post-batch.ts';

export interface PatienceOptions extends PostOptions {
  /** Told before each pause. */
  onWait(reason: string, pauseMs: number): void;
  /** The first pause; each further one is twice as long, up to `maxPauseMs`, less up to a half at random. Default 500. */
  firstPauseMs?: number;
  /** Default 30,000. A longer Retry-After is kept to. */
  maxPauseMs?: number;
}

export interface SentBatch {
  accepted: number;
  refused: Refusal[];
}

/**
 * Sends a batch until it is acknowledged, for as long as that takes. A batch that is too large for what stands between is
 * sent in halves.
 */
export async function sendPatiently(batch: readonly ImportEvent[], options: PatienceOptions): Promise<SentBatch> {
  const outcome = await untilAnswered(batch, options);
  if (outcome.kind === 'done') return outcome;
  const [first] = batch;
  if (first && batch.length === 1) {
    return { accepted: 0, refused: [{ line: first.line, errors: [tooLarge(outcome.reason)] }] };
  }
  const middle = batch.length >> 1;
  const sent: SentBatch = { accepted: 0, refused: [] };
  for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
    const { accepted, refused } = await sendPatiently(half, options);
    sent.accepted += accepted;
    sent.refused.push(...refused);
  }
  return sent;
}

const tooLarge = (message: string) => ({ pointer: '', code: 'too_long', message }) as const;

async function untilAnswered(
  batch: readonly ImportEvent[],
  options: PatienceOptions,
): Promise<Exclude<PostOutcome, { kind: 'wait' }>> {
  const { firstPauseMs = 500, maxPauseMs = 30_000, onWait, signal } = options;
  for (let longest = firstPauseMs; ; longest = Math.min(maxPauseMs, longest * 2)) {
    const outcome = await postBatch(batch, options);
    if (outcome.kind !== 'wait') return outcome;
    const pause = longest * (0.5 + Math.random() / 2);
    // Never sooner than asked for, and not all at once.
    const pauseMs = outcome.retryAfterMs === undefined ? pause : outcome.retryAfterMs + Math.random() * firstPauseMs;
    onWait(outcome.reason, pauseMs);
    await sleep(pauseMs, undefined, { signal });
  }
}
