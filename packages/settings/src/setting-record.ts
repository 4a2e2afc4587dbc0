import { type KeySetting, type Limits, type ProjectSetting, parseSettingKey } from '@wayline/contracts';
import type { LogRecord, NewRecord } from '@wayline/event-log';

/** A setting as it came from the log or the copy: whose it is, and as it stands there. */
export interface SettingRecord {
  key: string;
  version: number;
  /** The whole value, as JSON. */
  text: string;
  projectId: number;
  /** Absent: of the project itself. */
  keyId?: string;
  /** What this version knows of it. */
  setting: ProjectSetting & KeySetting;
}

/** The record of a setting in `wayline.settings`. */
export function formatSetting(setting: { key: string; version: number; value: object }): NewRecord {
  const { key, version, value } = setting;
  return { key, value: Buffer.from(JSON.stringify({ ...value, version })) };
}

/**
 * Reads a record of the log.
 * @returns undefined for a kind of setting that this version does not know
 * @throws TypeError if it is no setting at all; a single field that is wrong counts as absent
 */
export function readSetting({ key, value }: Pick<LogRecord, 'key' | 'value'>): SettingRecord | undefined {
  if (key === null || value === null) throw new TypeError('a record without a key or a value');
  return parseSetting(key.toString(), value.toString());
}

/** The same from its texts. */
export function parseSetting(key: string, text: string): SettingRecord | undefined {
  const json: unknown = JSON.parse(text);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new TypeError('no JSON object');
  const fields = json as Record<string, unknown>;
  const { version } = fields;
  if (typeof version !== 'number' || !Number.isSafeInteger(version)) throw new TypeError('no version');
  const owner = parseSettingKey(key);
  // In the copy each setting is a line.
  const line = text.includes('\n') ? JSON.stringify(fields) : text;
  return owner && { key, version, text: line, ...owner, setting: knownFields(fields) };
}

const isAmount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value > 0;

const AMOUNTS = [
  'requestsPerSecond',
  'eventsPerSecond',
  'bodyBytes',
  'retentionDays',
  'pastDays',
  'revokedAt',
  'disabledAt',
] as const;

function knownFields(fields: Record<string, unknown>): ProjectSetting & KeySetting {
  const setting: { -readonly [K in (typeof AMOUNTS)[number]]?: number } & Limits = {};
  for (const name of AMOUNTS) {
    const value = fields[name];
    if (isAmount(value)) setting[name] = value;
  }
  const { origins, allowTraits } = fields;
  return {
    ...setting,
    ...(typeof allowTraits === 'boolean' && { allowTraits }),
    ...(Array.isArray(origins) && { origins: origins.filter((origin) => typeof origin === 'string') }),
  };
}
