import { expect, test } from '@jest/globals';
import type { TopicSpec } from '../src/event-log.ts';
import { judgeTopic, settingsToMake } from '../src/kafka/topic-settings.ts';

const HOUR = 3_600_000;
const events: TopicSpec = { name: 'events', partitions: 12 };
const settingsTopic: TopicSpec = { name: 'settings', partitions: 1, compacted: true };
const demands = { replication: undefined, longestOutageMs: 72 * HOUR };

const GOOD = {
  'message.timestamp.type': 'LogAppendTime',
  'cleanup.policy': 'delete',
  'max.message.bytes': '1048588',
  'min.insync.replicas': '2',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
  'unclean.leader.election.enable': 'false',
};

const judge = (
  settings: Record<string, string> = {},
  {
    spec = events,
    replicas = 3,
    brokers = 3,
    ...rest
  }: { spec?: TopicSpec; replicas?: number; brokers?: number } & Partial<typeof demands> = {},
) =>
  judgeTopic(
    spec,
    { replicas, brokers, settings: new Map(Object.entries({ ...GOOD, ...settings })) },
    { ...demands, ...rest },
  );

test('a topic as it should be is passed without a word, and so is one of a single broker', () => {
  const nothing = { faults: [], warnings: [] };
  expect(judge()).toEqual(nothing);
  expect(judge({ 'min.insync.replicas': '1' }, { replicas: 1, brokers: 1 })).toEqual(nothing);
  expect(judge({ 'retention.ms': '-1' })).toEqual(nothing);
  expect(judge({ 'cleanup.policy': 'compact' }, { spec: settingsTopic })).toEqual(nothing);
});

test.each<[Record<string, string>, string, TopicSpec?]>([
  [
    { 'message.timestamp.type': 'CreateTime' },
    'must have message.timestamp.type=LogAppendTime (it has CreateTime): the log’s own time decides what is complete.',
  ],
  [
    { 'cleanup.policy': 'compact,delete' },
    'must have cleanup.policy=delete (it has compact,delete): the records of a session have one key, and compaction would keep the last of them only.',
  ],
  [
    { 'cleanup.policy': 'delete' },
    'must have cleanup.policy=compact (it has delete): of each key the last record is kept for good.',
    settingsTopic,
  ],
  [
    { 'cleanup.policy': 'compact,delete' },
    'must have cleanup.policy=compact (it has compact,delete): of each key the last record is kept for good.',
    settingsTopic,
  ],
  [
    { 'max.message.bytes': '899999' },
    'must have max.message.bytes of at least 900000 (it has 899999): records are sent in batches of that size.',
  ],
  [
    { 'unclean.leader.election.enable': 'true' },
    'must have unclean.leader.election.enable=false (it has true): a replica that lags behind could become the leader, and acknowledged records would be gone.',
  ],
])('%j is a fault', (settings, sentence, spec = events) => {
  expect(judge(settings, { spec }).faults).toEqual([`Kafka topic ${spec.name} ${sentence}`]);
});

test('without a second replica there is nobody to elect', () => {
  expect(judge({ 'unclean.leader.election.enable': 'true' }, { replicas: 1, brokers: 1 }).faults).toEqual([]);
});

test.each<[Record<string, string>, Parameters<typeof judge>[1], string]>([
  [{}, { replication: 5 } as object, 'has 3 replicas, but 5 are configured.'],
  [{}, { replicas: 1 }, 'has 1 replica on 3 brokers: acknowledged records are lost with one disk.'],
  [
    { 'min.insync.replicas': '1' },
    {},
    'has min.insync.replicas=1: acknowledged records are lost with the one broker that may be in sync.',
  ],
  [
    { 'min.insync.replicas': '3' },
    {},
    'has min.insync.replicas=3 and 3 replicas: while one broker is down, nothing can be written.',
  ],
  [
    { 'retention.ms': String(24 * HOUR) },
    {},
    'keeps records for 24 hours (retention.ms=86400000): they are lost when the database is away for the 72 hours that it may be.',
  ],
  [
    { 'retention.bytes': '1000000000' },
    {},
    'keeps at most 1000000000 bytes of each partition (retention.bytes): records may go before the 72 hours that the database may be away.',
  ],
])('%j with %j is told', (settings, found, sentence) => {
  expect(judge(settings, found)).toEqual({ faults: [], warnings: [`Kafka topic events ${sentence}`] });
});

test('how long records are kept does not matter where compaction keeps them', () => {
  const settings = { 'cleanup.policy': 'compact', 'retention.ms': '1', 'retention.bytes': '1' };
  expect(judge(settings, { spec: settingsTopic })).toEqual({ faults: [], warnings: [] });
});

test('a topic that is made passes the check, whatever outage is to be survived', () => {
  for (const spec of [events, settingsTopic]) {
    for (const longestOutageMs of [HOUR, 1000 * HOUR]) {
      const wanted = { ...demands, longestOutageMs };
      const made = new Map(settingsToMake(spec, 3, wanted).map(({ name, value }) => [name, value]));
      expect(made.get('min.insync.replicas')).toBe('2');
      expect(judgeTopic(spec, { replicas: 3, brokers: 3, settings: made }, wanted)).toEqual({
        faults: [],
        warnings: [],
      });
    }
  }
  expect(settingsToMake(events, 2, demands)).not.toContainEqual(
    expect.objectContaining({ name: 'min.insync.replicas' }),
  );
});
