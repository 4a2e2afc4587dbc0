import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { openProbeSender } from './probe-sender.ts';
import { openVisibility } from './visibility.ts';

/** Events sent one at a time through the API, each looked for in PostgreSQL from its acknowledgement on. */
export interface ProbeJob {
  port: number;
  writeKey: string;
  projectId: number;
  databaseUrl: string;
  /** One is sent so often, whether those before can be seen or not: a worker that stands still is not spared. */
  everyMs: number;
  /** Not counted in what was measured. */
  warmupSeconds: number;
  seconds: number;
}

export interface ProbeReport {
  acknowledged: number;
  /** Answers other than 202, and none at all. */
  refused: number;
  /** Acknowledged, and not to be seen a minute after the last was sent. */
  unseen: number;
  /** Of those that were due in the measured while, from the answer to when a query by the primary key finds it. */
  measured: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** How exact the latency is: this, or a twentieth of how long the longest was waited for. The looks are work for PostgreSQL, the more so the more is waited for. */
const LOOK_EVERY_MS = 10;
const LOOK_SHARE = 1 / 20;
const PATIENCE_MS = 60_000;
const LONGEST_MICROS = 300_000_000;

export async function runProbeJob(job: ProbeJob): Promise<ProbeReport> {
  const { everyMs, warmupSeconds, seconds } = job;
  const visibility = await openVisibility(job);
  const sender = openProbeSender(job);
  const latency = createHistogram({ lowest: 1, highest: LONGEST_MICROS, figures: 3 });
  let [measured, acknowledged, refused, sending] = [0, 0, 0, true];

  const watching = (async () => {
    for (let deadline = Number.POSITIVE_INFINITY; performance.now() < deadline; ) {
      for (const { isMeasured, acknowledgedMs } of await visibility.look()) {
        if (!isMeasured) continue;
        measured++;
        latency.record(Math.max(1, Math.round((performance.now() - acknowledgedMs) * 1000)));
      }
      if (!sending && visibility.waiting === 0) return;
      if (!sending && deadline === Number.POSITIVE_INFINITY) deadline = performance.now() + PATIENCE_MS;
      await sleep(Math.max(LOOK_EVERY_MS, LOOK_SHARE * visibility.longestMs()));
    }
  })();

  const begunMs = performance.now();
  const answers: Promise<void>[] = [];
  const all = Math.ceil(((warmupSeconds + seconds) * 1000) / everyMs);
  for (let n = 0; n < all; n++) {
    await sleep(Math.max(0, begunMs + n * everyMs - performance.now()));
    const isMeasured = n * everyMs >= warmupSeconds * 1000;
    answers.push(
      sender.send(n).then((probe) => {
        if (!probe) return void refused++;
        acknowledged++;
        visibility.await({ ...probe, isMeasured, acknowledgedMs: performance.now() });
      }),
    );
  }
  await Promise.all(answers);
  sending = false;
  await watching;
  const unseen = visibility.waiting;
  sender.close();
  await visibility.close();
  const ms = (percentile: number) => (measured === 0 ? 0 : latency.percentile(percentile) / 1000);
  return { acknowledged, refused, unseen, measured, p50Ms: ms(50), p99Ms: ms(99), maxMs: ms(100) };
}
