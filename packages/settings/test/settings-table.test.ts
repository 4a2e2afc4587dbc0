import { describe, expect, test } from '@jest/globals';
import { formatSetting, parseSetting, type SettingRecord } from '../src/setting-record.ts';
import { createSettingsTable } from '../src/settings-table.ts';

const setting = (key: string, version: number, value: object = {}): SettingRecord => {
  const record = parseSetting(key, String(formatSetting({ key, version, value }).value));
  if (!record) throw new Error(`${key} is not known`);
  return record;
};

describe('the settings of a caller', () => {
  test('who nothing was set for has no limits, and is not refused', () => {
    const table = createSettingsTable();
    expect(table.key(1, 'k1')).toEqual({ rates: {} });
    expect(table.project(1)).toEqual({ rates: {} });
    expect(table.version()).toBe(0);
  });

  test('I7: a key has what was set for it, and else what its project has, in whatever order they come', () => {
    const ofProject = setting('project:1', 3, {
      name: 'Shop',
      origins: ['https://a.example'],
      requestsPerSecond: 10,
      eventsPerSecond: 100,
      bodyBytes: 5000,
      pastDays: 30,
      retentionDays: 60,
      allowTraits: true,
    });
    const ofKey = setting('key:1:k1', 4, { origins: ['https://b.example'], eventsPerSecond: 7 });
    const merged = {
      origins: ['https://b.example'],
      rates: { requestsPerSecond: 10, eventsPerSecond: 7 },
      bodyBytes: 5000,
      pastDays: 30,
      retentionDays: 60,
      allowTraits: true,
    };
    for (const records of [
      [ofProject, ofKey],
      [ofKey, ofProject],
    ]) {
      const table = createSettingsTable();
      for (const record of records) expect(table.apply(record)).toBe(true);
      expect(table.key(1, 'k1')).toEqual(merged);
      expect(table.key(1, 'another')).toEqual(table.project(1));
      expect(table.project(1).origins).toEqual(['https://a.example']);
      expect(table.key(2, 'k1')).toEqual({ rates: {} });
      expect(table.version()).toBe(4);
    }
  });

  test('I2: a revoked key is refused, whatever its project, and nothing of another key changes', () => {
    const table = createSettingsTable();
    table.apply(setting('project:1', 1, { disabledAt: 5, origins: ['https://a.example'] }));
    table.apply(setting('key:1:k1', 2, { revokedAt: 77 }));
    expect(table.key(1, 'k1')).toEqual({ refused: 'revoked', refusedAtMs: 77, rates: {} });
    expect(table.key(1, 'k2')).toMatchObject({ refused: 'disabled', refusedAtMs: 5 });
    table.apply(setting('project:1', 3, {}));
    expect(table.key(1, 'k1').refused).toBe('revoked');
    expect(table.key(1, 'k2')).toEqual({ rates: {} });
  });

  test('an older version never takes the place of a newer one', () => {
    const table = createSettingsTable();
    table.apply(setting('key:1:k1', 9, { revokedAt: 1 }));
    expect(table.apply(setting('key:1:k1', 8, {}))).toBe(false);
    expect(table.key(1, 'k1').refused).toBe('revoked');
    expect(table.apply(setting('key:1:k1', 9, { revokedAt: 1 }))).toBe(false); // the same once more: nothing to keep
    expect(table.apply(setting('key:1:k1', 10, {}))).toBe(true);
    expect(table.key(1, 'k1')).toEqual({ rates: {} });
  });

  test('a look-up makes no object: the same one is given until something changes', () => {
    const table = createSettingsTable();
    table.apply(setting('project:1', 1, { requestsPerSecond: 5 }));
    table.apply(setting('key:1:k1', 2, { eventsPerSecond: 5 }));
    expect(table.key(1, 'k1')).toBe(table.key(1, 'k1'));
    expect(table.key(1, 'other')).toBe(table.project(1));
    expect(table.key(8, 'other')).toBe(table.project(9));
    expect(Object.isFrozen(table.key(1, 'k1'))).toBe(true);
  });

  test('its entries are what makes the same table again, fields of newer writers included', () => {
    const table = createSettingsTable();
    table.apply(setting('project:1', 1, { requestsPerSecond: 5, ofTheFuture: { a: 1 } }));
    table.apply(setting('key:1:k1', 2, { revokedAt: 3 }));
    const entries = [...table.entries()];
    expect(entries).toContainEqual(['project:1', expect.stringContaining('"ofTheFuture":{"a":1}')]);
    const again = createSettingsTable();
    for (const [key, text] of entries) again.apply(parseSetting(key, text) as SettingRecord);
    expect([...again.entries()]).toEqual(entries);
    expect(again.key(1, 'k1').refused).toBe('revoked');
  });
});

describe('a record of the topic', () => {
  test.each(['machine:1', 'project:', 'project:x', 'key:1', 'key:1:', 'key:1:UPPER', 'project:1:2', ''])(
    'with the key "%s" is of a kind that is not known, and says nothing',
    (key) => expect(parseSetting(key, '{"version":1}')).toBeUndefined(),
  );

  test.each(['', 'null', '[]', '7', '{', '{}', '{"version":"1"}', '{"version":1.5}', '{"version":null}'])(
    'with the value "%s" is no setting',
    (text) => expect(() => parseSetting('project:1', text)).toThrow(),
  );

  test('of which one field is wrong keeps the others', () => {
    const text = JSON.stringify({
      version: 3,
      revokedAt: 12,
      origins: 'https://a.example',
      requestsPerSecond: -1,
      eventsPerSecond: 'many',
      bodyBytes: 0,
      disabledAt: true,
      unknown: 1,
    });
    expect(parseSetting('key:1:k1', text)?.setting).toEqual({ revokedAt: 12 });
  });

  test('that is written over several lines is one line in the copy', () => {
    const text = JSON.stringify({ version: 3, revokedAt: 12 }, null, 2);
    expect(parseSetting('key:1:k1', text)?.text).toBe('{"version":3,"revokedAt":12}');
  });
});
