import type { KeySetting, ProjectSetting } from '@wayline/contracts';
import { parseSetting, type SettingRecord } from './setting-record.ts';
import type { CallerSettings, SettingsView } from './settings-view.ts';

/** The settings in memory: the newest of each key, and what follows from it for each caller. */
export interface SettingsTable extends Pick<SettingsView, 'key' | 'project'> {
  /** Takes a setting over, unless what is there is newer. */
  apply(record: SettingRecord): boolean;
  /** The highest version of all; 0 if there is none. */
  version(): number;
  /** Keys and texts of all, for the copy. */
  entries(): Iterable<readonly [key: string, text: string]>;
}

interface Entry {
  record: Pick<SettingRecord, 'key' | 'version' | 'text'>;
  rules: CallerSettings;
}

interface Project {
  own: Entry | undefined;
  rules: CallerSettings;
  /** Only those keys that something was set for. */
  keys: Map<string, Entry>;
}

const NOTHING: CallerSettings = Object.freeze({ rates: Object.freeze({}) });

export function createSettingsTable(): SettingsTable {
  const projects = new Map<number, Project>();
  let highest = 0;

  function projectOf(projectId: number): Project {
    let project = projects.get(projectId);
    if (!project) {
      project = { own: undefined, rules: NOTHING, keys: new Map() };
      projects.set(projectId, project);
    }
    return project;
  }

  return {
    key(projectId, keyId) {
      const project = projects.get(projectId);
      return project ? (project.keys.get(keyId)?.rules ?? project.rules) : NOTHING;
    },
    project: (projectId) => projects.get(projectId)?.rules ?? NOTHING,

    apply({ projectId, keyId, setting, key, version, text }) {
      const project = projectOf(projectId);
      const before = keyId === undefined ? project.own : project.keys.get(keyId);
      if (before && before.record.version > version) return false;
      highest = Math.max(highest, version);
      const record = { key, version, text };
      if (keyId === undefined) {
        project.own = { record, rules: rulesOf(setting, {}) };
        project.rules = project.own.rules;
        for (const entry of project.keys.values()) entry.rules = rulesOf(setting, settingOf(entry));
      } else {
        project.keys.set(keyId, { record, rules: rulesOf(settingOf(project.own), setting) });
      }
      return before?.record.text !== text;
    },

    version: () => highest,

    *entries() {
      for (const { own, keys } of projects.values()) {
        for (const entry of own ? [own, ...keys.values()] : keys.values()) yield [entry.record.key, entry.record.text];
      }
    },
  };
}

/** Read once more from its text: that is rare, and what was read need not be kept. */
function settingOf(entry: Entry | undefined): ProjectSetting & KeySetting {
  return (entry && parseSetting(entry.record.key, entry.record.text)?.setting) ?? {};
}

/** What holds for a key: its own settings, and for what it has none, its project's. */
function rulesOf(project: ProjectSetting, key: KeySetting): CallerSettings {
  // Of a revoked key, of which there may be many, nothing else is of interest.
  if (key.revokedAt !== undefined) {
    return Object.freeze({ refused: 'revoked', refusedAtMs: key.revokedAt, rates: NOTHING.rates });
  }
  const origins = key.origins ?? project.origins;
  const requestsPerSecond = key.requestsPerSecond ?? project.requestsPerSecond;
  const eventsPerSecond = key.eventsPerSecond ?? project.eventsPerSecond;
  const bodyBytes = key.bodyBytes ?? project.bodyBytes;
  const { disabledAt, pastDays, retentionDays, allowTraits } = project;
  return Object.freeze({
    ...(disabledAt !== undefined && { refused: 'disabled' as const, refusedAtMs: disabledAt }),
    ...(origins && { origins: Object.freeze(origins) }),
    rates: Object.freeze({
      ...(requestsPerSecond !== undefined && { requestsPerSecond }),
      ...(eventsPerSecond !== undefined && { eventsPerSecond }),
    }),
    ...(bodyBytes !== undefined && { bodyBytes }),
    ...(pastDays !== undefined && { pastDays }),
    ...(retentionDays !== undefined && { retentionDays }),
    ...(allowTraits !== undefined && { allowTraits }),
  });
}
