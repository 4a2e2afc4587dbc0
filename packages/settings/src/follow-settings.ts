import { setTimeout as sleep } from 'node:timers/promises';
import type { EventLog, LogFollower } from '@wayline/event-log';
import { parseSetting, readSetting } from './setting-record.ts';
import { readSettingsCopy, writeSettingsCopy } from './settings-copy.ts';
import { createSettingsTable } from './settings-table.ts';
import type { SettingsFreshness, SettingsView } from './settings-view.ts';

export interface FollowSettingsOptions {
  log: EventLog;
  topic: string;
  /** Where the copy is kept; absent: none is. Its folder must be there. */
  file?: string;
  logger: SettingsLogger;
  /** For so long the log is waited for before the copy must do, ms. Default 10 s. */
  patienceMs?: number;
}

/** Messages are for operators, fields for machines. */
export interface SettingsLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Settings that follow the log. */
export interface LiveSettings extends SettingsView {
  /**
   * Resolves when the topic was read whole; or, where the log does not let itself be read for `patienceMs`, when there is
   * a copy to go by. Rejects if the log can never be read, and there is no copy.
   */
  readonly ready: Promise<void>;
  /** Brings the copy up to date, and lets go of the log. */
  close(): Promise<void>;
}

/** Changes that come together are written together. */
const SAVE_DELAY_MS = 200;
/** A change is to work within a minute: from here on it does not. */
const STALE_MS = 60_000;
const LOOK_EVERY_MS = 5000;

/**
 * Reads the settings whole and follows them. What is known survives in the copy: it is what a process starts from, and
 * what it goes by where the log's topic cannot be read, or has lost what was in it.
 */
export function followSettings(options: FollowSettingsOptions): LiveSettings {
  const { log, topic, file, logger, patienceMs = 10_000 } = options;
  const table = createSettingsTable();
  let source: SettingsFreshness['source'] = 'none';
  let follower: LogFollower | undefined;
  let closed = false;
  let saving = Promise.resolve();
  let saveTimer: NodeJS.Timeout | undefined;
  const watch = setInterval(watchAge, LOOK_EVERY_MS).unref();
  let stale = false;
  const impatience = new AbortController();

  async function loadCopy(): Promise<boolean> {
    if (!file) return false;
    try {
      const copy = await readSettingsCopy(file);
      if (!copy) return false;
      for (const [key, text] of copy.entries) {
        const record = parseSetting(key, text);
        // Project numbers of another log may mean other projects; the ids of keys are random, and stay revoked.
        if (record && (copy.logId === log.id || record.setting.revokedAt !== undefined)) table.apply(record);
      }
      return true;
    } catch (error) {
      logger.warn(
        { file, err: error },
        `The copy of the settings in ${file} cannot be used; they are read from the log`,
      );
      return false;
    }
  }

  function follow(): LogFollower {
    return log.follow({
      topic,
      onRecord(record, partition) {
        try {
          const setting = readSetting(record);
          if (setting && table.apply(setting)) saveSoon();
        } catch (error) {
          const place = { topic, partition, offset: record.offset };
          logger.warn({ ...place, err: error }, `A record of ${topic} is no setting, and is passed over`);
        }
      },
    });
  }

  function saveSoon(): void {
    if (!file || closed || source !== 'log') return;
    saveTimer ??= setTimeout(() => {
      saveTimer = undefined;
      saving = saving.then(save);
    }, SAVE_DELAY_MS);
  }

  async function save(): Promise<void> {
    if (!file) return;
    try {
      await writeSettingsCopy(file, { logId: log.id, entries: table.entries() });
    } catch (error) {
      logger.warn({ file, err: error }, `The copy of the settings could not be written to ${file}`);
    }
  }

  function watchAge(): void {
    const heardAtMs = follower?.heardAtMs();
    if (heardAtMs === undefined) return;
    const ageMs = Date.now() - heardAtMs;
    if (ageMs > STALE_MS && !stale) {
      logger.error(
        { topic, ageMs },
        `${topic} could not be read for a minute: changed settings and revoked keys do not work`,
      );
    } else if (stale && ageMs <= STALE_MS) logger.info({ topic }, `${topic} is read again`);
    stale = ageMs > STALE_MS;
  }

  async function start(): Promise<void> {
    const copied = await loadCopy();
    if (closed) throw new Error('the settings were closed before they were read');
    if (copied) source = 'copy';
    follower = follow();
    follower.ended.catch((error: unknown) => {
      logger.error({ topic, err: error }, `${topic} cannot be read any more: settings stay as they are`);
    });
    const whole = follower.caughtUp.then(() => {
      source = 'log';
      saveSoon();
    });
    if (!copied) return whole;
    const late = sleep(patienceMs, undefined, { signal: impatience.signal }).then(() => {
      logger.warn({ topic, file }, `${topic} cannot be read yet: settings are those of the copy in ${file}`);
    });
    // Where the log fails for good, the copy is all there is.
    await Promise.race([whole.catch(() => late), late]);
    impatience.abort();
  }

  const ready = start();
  ready.catch(() => {}); // whoever waits for it sees it
  return {
    ready,
    key: table.key,
    project: table.project,
    freshness: () => ({ source, version: table.version(), heardAtMs: follower?.heardAtMs() }),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(watch);
      clearTimeout(saveTimer);
      follower?.close();
      impatience.abort();
      await saving;
      if (saveTimer) await save();
      await ready.catch(() => {});
    },
  };
}
