/**
 * The records of `wayline.settings`: the key says of whom, the value is JSON, a `StoredSetting` with what was set. Newer
 * writers may add kinds of keys and fields; readers pass over what they do not know. Written by nobody but the worker.
 */
export interface StoredSetting {
  /** Rises with every change, of any setting: of two records with one key, the greater is right. */
  version: number;
}

export interface Limits {
  /** Of one key, in one ingest process. */
  requestsPerSecond?: number;
  eventsPerSecond?: number;
  /** Of one body after inflation. */
  bodyBytes?: number;
}

/** Of a project: it holds for each of its keys. */
export interface ProjectSetting extends Limits {
  slug?: string;
  name?: string;
  /** Since then it takes no events, epoch ms. */
  disabledAt?: number;
  /** For so long events are kept; absent: for ever. */
  retentionDays?: number;
  /** How far back the corrected time of an event may lie. */
  pastDays?: number;
  /** Origins of pages that may use the keys; absent: every one. */
  origins?: readonly string[];
  /** Whether traits of people (Segment's form) are kept, as context of the event that brings them; absent: they are not. */
  allowTraits?: boolean;
}

/** Of a write key: goes before its project's. */
export interface KeySetting extends Limits {
  /** Epoch ms. */
  revokedAt?: number;
  origins?: readonly string[];
}

export const projectSettingKey = (projectId: number): string => `project:${projectId}`;

export const keySettingKey = (projectId: number, keyId: string): string => `key:${projectId}:${keyId}`;

const SETTING_KEY = /^(?:project:(\d{1,10})|key:(\d{1,10}):([0-9a-z]{1,32}))$/;

/** Of whom a setting is; undefined for a kind that this version does not know. */
export function parseSettingKey(key: string): { projectId: number; keyId?: string } | undefined {
  const [, project, keyProject, keyId] = SETTING_KEY.exec(key) ?? [];
  if (project !== undefined) return { projectId: Number(project) };
  return keyProject === undefined || keyId === undefined ? undefined : { projectId: Number(keyProject), keyId };
}
