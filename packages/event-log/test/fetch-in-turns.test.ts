import { expect, test } from '@jest/globals';
import { type AskedTopic, Turns } from '../src/kafka/fetch-in-turns.ts';

const asked = (offsets: Record<number, number>, topic = 't'): AskedTopic => ({
  topic,
  partitions: Object.entries(offsets).map(([partition, offset]) => ({
    partition: Number(partition),
    fetchOffset: String(offset),
  })),
});
const order = (topics: readonly AskedTopic[]): string[] =>
  topics.flatMap(({ topic, partitions }) => partitions.map(({ partition }) => `${topic}${partition}`));

test('whose records came last is asked for last; who brought nothing keeps its place', () => {
  const turns = new Turns();
  expect(order(turns.ordered([asked({ 0: 0, 1: 0, 2: 0 })]))).toEqual(['t0', 't1', 't2']);
  expect(order(turns.ordered([asked({ 0: 10, 1: 0, 2: 0 })]))).toEqual(['t1', 't2', 't0']);
  expect(order(turns.ordered([asked({ 0: 10, 1: 10, 2: 0 })]))).toEqual(['t2', 't0', 't1']);
  expect(order(turns.ordered([asked({ 2: 0, 1: 10, 0: 10 })]))).toEqual(['t2', 't0', 't1']);
});

test('who was not asked for while its records were in hand comes after those who waited', () => {
  const turns = new Turns();
  turns.ordered([asked({ 0: 0, 1: 0, 2: 0 })]);
  turns.ordered([asked({ 1: 0, 2: 0 })]);
  turns.ordered([asked({ 2: 0 })]);
  expect(order(turns.ordered([asked({ 0: 10, 1: 10, 2: 0 })]))).toEqual(['t2', 't0', 't1']);
});

test('turns go across topics; a topic is named as often as it has its turn', () => {
  const turns = new Turns();
  turns.ordered([asked({ 0: 0, 1: 0 }, 'a'), asked({ 0: 0 }, 'b')]);
  const topics = turns.ordered([asked({ 0: 5, 1: 0 }, 'a'), asked({ 0: 0 }, 'b')]);
  expect(order(topics)).toEqual(['a1', 'b0', 'a0']);
  expect(topics).toHaveLength(3);
  expect(turns.ordered([asked({ 0: 5, 1: 0 }, 'a')])).toHaveLength(1);
});
