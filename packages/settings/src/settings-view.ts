/**
 * What an operator has set for one caller: a key with its project's settings merged in, or a project. Whatever was not
 * set is absent, and then sets no limit. Objects are shared between look-ups and never change: do not write to them.
 */
export interface CallerSettings {
  /** `revoked`: the key was; `disabled`: the project takes nothing more. The first goes before the second. */
  refused?: 'revoked' | 'disabled';
  /** Since when, epoch ms: what the log took before is still good. */
  refusedAtMs?: number;
  /** Origins of pages that may use the key, as browsers send them (`https://shop.example`); absent: every one. */
  origins?: readonly string[];
  /** Of each key, in each ingest process. */
  rates: Rates;
  /** The most bytes of a body after inflation. */
  bodyBytes?: number;
  /** How many days back the corrected time of an event may lie. */
  pastDays?: number;
  /** For so many days events are kept. */
  retentionDays?: number;
  /** Whether traits of people are kept, as context of the event that brings them; absent: they are not. */
  allowTraits?: boolean;
}

export interface Rates {
  requestsPerSecond?: number;
  eventsPerSecond?: number;
}

/** How far the view can be relied on. */
export interface SettingsFreshness {
  /** `log`: the whole topic was read, and is followed since; `copy`: from the disk, the log has not answered yet. */
  source: 'log' | 'copy' | 'none';
  /** The highest version known; 0 if nothing was ever set. */
  version: number;
  /** When the log last said that there is nothing newer, epoch ms; undefined before it has. */
  heardAtMs?: number | undefined;
}

/**
 * The settings as this process knows them: read from `wayline.settings`, and followed from then on. Look-ups are one or
 * two map look-ups in memory without allocation: they stand on the request path.
 */
export interface SettingsView {
  /** Of a write key. A key that nothing was set for has its project's settings. */
  key(projectId: number, keyId: string): CallerSettings;
  /** Of a caller that is no key (a token): its project's settings. */
  project(projectId: number): CallerSettings;
  freshness(): SettingsFreshness;
}

/** Nothing set for anybody: for tests, and for whoever has no topic to read. */
export function emptySettings(): SettingsView {
  const nothing: CallerSettings = Object.freeze({ rates: Object.freeze({}) });
  return {
    key: () => nothing,
    project: () => nothing,
    freshness: () => ({ source: 'none', version: 0 }),
  };
}
