import { expect, test } from '@jest/globals';
import { Appender, type AppenderOptions } from '../src/kafka/appender.ts';
import type { BrokerDirectory } from '../src/kafka/broker-directory.ts';

const ACKNOWLEDGED = { topics: [{ topicName: 'events', partitions: [{ partition: 0, errorCode: 0 }] }] };
const logger = { debug() {}, info() {}, warn() {}, error() {} } as unknown as AppenderOptions['logger'];
const recordOf = (bytes: number) => [{ key: 'key', value: Buffer.alloc(bytes) }];
const LITTLE = 10;
const turn = () => new Promise(setImmediate);

/** One partition, at a leader that answers when the test says, with a first request in flight. What goes over the wire is in the other suites. */
async function createScene() {
  const unanswered: (() => void)[] = [];
  let sent = 0;
  const link = {
    produce: () => {
      sent++;
      return new Promise((resolve) => unanswered.push(() => resolve(ACKNOWLEDGED)));
    },
  };
  const appender = new Appender({
    directory: { leader: () => 1, to: () => link } as unknown as BrokerDirectory,
    topics: [{ name: 'events', partitions: 1 }],
    maxBytesInFlight: 10e6,
    deadlineMs: 10_000,
    produceTimeoutMs: 1000,
    logger,
  });
  const appends = [appender.append('events', recordOf(LITTLE))];
  await turn();
  const scene = {
    append: (bytes: number) => void appends.push(appender.append('events', recordOf(bytes))),
    sent: () => sent,
    /** The answer, and all that follows from it without a turn of the loop. */
    async answer() {
      unanswered.shift()?.();
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
    async end() {
      await scene.answer();
      await Promise.all(appends);
      await appender.close();
    },
  };
  return scene;
}

test('with an answer, much that waits goes at once: a turn of the loop may be long, and the broker would stand still', async () => {
  const { append, sent, answer, end } = await createScene();
  append(600_000);
  await turn();
  expect(sent()).toBe(1);
  await answer();
  expect(sent()).toBe(2);
  await end();
});

test('little that waits takes along what the turn still brings', async () => {
  const { append, sent, answer, end } = await createScene();
  append(LITTLE);
  await answer();
  expect(sent()).toBe(1);
  append(LITTLE);
  await turn();
  expect(sent()).toBe(2);
  await end();
});
