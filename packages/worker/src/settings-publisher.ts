import { setTimeout as sleep } from 'node:timers/promises';
import { TOPICS } from '@wayline/contracts';
import type { EventLog } from '@wayline/event-log';
import { formatSetting, readSettingVersions } from '@wayline/settings';
import {
  hasUnpublishedSettings,
  type Pool,
  publishedSettings,
  publishSettings,
  republishSettings,
} from '@wayline/store';
import type { WorkerLogger } from './worker-logger.ts';

export interface SettingsPublisherOptions {
  log: EventLog;
  pool: Pool;
  logger: WorkerLogger;
  /** How often it is looked for changes, ms. Default 2 s. */
  everyMs?: number;
  /** How often what the log has is held against what it should have, ms. Default 10 minutes. */
  verifyEveryMs?: number;
}

export interface SettingsPublisher {
  /** Finishes what is in hand. */
  stop(): Promise<void>;
}

const AT_ONCE = 500;
/** The log is not waited for longer, when it is held against the table: there is another time. */
const VERIFY_PATIENCE_MS = 30_000;
const VERIFY_AGAIN_MS = 15_000;
const TELL_EVERY_MS = 60_000;

/**
 * Writes the settings of PostgreSQL to `wayline.settings`, in the order of their versions, and goes on trying while
 * either is away. Any number of processes may do it: one is at it at a time. Settings may be written twice, which readers
 * do not mind. It looks every few seconds rather than being notified, which would not work behind PgBouncer.
 */
export function startSettingsPublisher(options: SettingsPublisherOptions): SettingsPublisher {
  const { log, pool, logger, everyMs = 2_000, verifyEveryMs = 600_000 } = options;
  const abort = new AbortController();
  const { signal } = abort;

  async function publish(): Promise<void> {
    while (!signal.aborted && (await hasUnpublishedSettings(pool, log.id))) {
      const count = await publishSettings(pool, log.id, {
        limit: AT_ONCE,
        append: (settings) => log.append(TOPICS.settings, settings.map(formatSetting)),
      });
      if (!count) return; // another process is at it, or was
      logger.info({ settings: count, topic: TOPICS.settings }, 'settings were published');
    }
  }

  /**
   * What counts as published must stand in the topic, and last of its key: a topic that was made again has nothing, and an
   * append whose publisher had lost its lock may have come late, after a newer one.
   */
  async function verify(): Promise<void> {
    // First what should be there, then what is: whatever is published meanwhile is only found to be newer.
    const published = await publishedSettings(pool, log.id);
    if (published.length === 0) return;
    const patience = AbortSignal.any([signal, AbortSignal.timeout(VERIFY_PATIENCE_MS)]);
    const found = await readSettingVersions(log, TOPICS.settings, patience);
    const missing = published.filter(({ key, version }) => (found.get(key) ?? 0) < version);
    if (missing.length === 0) return;
    const count = await republishSettings(pool, missing);
    logger.warn({ settings: count, topic: TOPICS.settings }, 'the log had lost settings; they are published again');
  }

  let toldAtMs = Number.NEGATIVE_INFINITY;
  /** Answers whether it went well; what did not is told, though not each time. */
  async function attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!signal.aborted && performance.now() - toldAtMs >= TELL_EVERY_MS) {
        toldAtMs = performance.now();
        logger.warn({ err: error }, 'settings cannot be published just now; it is tried again');
      }
      return false;
    }
  }

  async function repeat(work: () => Promise<void>, [pauseMs, pauseAfterFaultMs]: [number, number]): Promise<void> {
    while (!signal.aborted) {
      const pause = (await attempt(work)) ? pauseMs : pauseAfterFaultMs;
      await sleep(pause, undefined, { signal }).catch(() => undefined);
    }
  }

  // Side by side: a log that cannot be read for a while must not keep what is new waiting.
  const running = Promise.all([
    repeat(publish, [everyMs, everyMs]),
    repeat(verify, [verifyEveryMs, Math.min(verifyEveryMs, VERIFY_AGAIN_MS)]),
  ]);
  return {
    async stop() {
      abort.abort();
      await running;
    },
  };
}
