import { describe, expect, test } from '@jest/globals';
import { type EventPartition, neededPartition, partitionOfTable } from '../src/write/event-partitions.ts';

const NOW = Date.UTC(2026, 10, 21, 12);
const tableFor = (time: string, existing: string[] = []): string => {
  const partitions = existing.map((table) => partitionOfTable(table) as EventPartition);
  return neededPartition(Date.parse(time), partitions, NOW).table;
};

describe('partitions of events', () => {
  test('the last 60 days and the time ahead go by days', () => {
    expect(tableFor('2026-11-21T23:59:59.999Z')).toBe('events_d20261121');
    expect(tableFor('2026-11-22T00:00:00.000Z')).toBe('events_d20261122');
    expect(tableFor('2026-09-22T12:00:00.000Z')).toBe('events_d20260922');
  });

  test('what is older goes by months', () => {
    expect(tableFor('2026-09-21T12:00:00.000Z')).toBe('events_m202609');
    expect(tableFor('2015-05-17T10:05:03.000Z')).toBe('events_m201505');
  });

  test('a partition that covers the time is used, whatever the age says now', () => {
    expect(tableFor('2026-09-28T00:00:00.000Z', ['events_m202609'])).toBe('events_m202609');
    expect(tableFor('2026-03-03T00:00:00.000Z', ['events_d20260303'])).toBe('events_d20260303');
  });

  test('a month that is already split into days stays split, so that no partitions overlap', () => {
    expect(tableFor('2026-03-04T00:00:00.000Z', ['events_d20260303'])).toBe('events_d20260304');
  });

  test('the last instant of a month lies in it', () => {
    expect(tableFor('2026-01-31T23:59:59.999Z')).toBe('events_m202601');
    expect(partitionOfTable('events_m202612')).toEqual({
      table: 'events_m202612',
      fromMs: Date.UTC(2026, 11, 1),
      toMs: Date.UTC(2027, 0, 1),
    });
  });

  test('a table of another name is no partition of ours', () => {
    expect(partitionOfTable('events_backup')).toBeUndefined();
  });
});
