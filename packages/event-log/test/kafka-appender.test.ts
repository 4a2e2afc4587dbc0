import { expect, test } from '@jest/globals';
import { Appender, type AppenderOptions } from '../src/kafka/appender.ts';
import type { BrokerDirectory } from '../src/kafka/broker-directory.ts';

const ACKNOWLEDGED = { topics: [{ topicName: 'events', partitions: [{ partition: 0, errorCode: 0 }] }] };
const logger = { debug() {}, info() {}, warn() {}, error() {} } as unknown as AppenderOptions['logger'];
const recordOf = (bytes: number) => [{ key: 'key', value: Buffer.alloc(bytes) }];
const turn = () => new Promise(setImmediate);

/** One partition, at a leader that answers when the test says. What goes over the wire is in the other suites. */
function createScene() {
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
  return {
    append: (bytes: number) => appender.append('events', recordOf(bytes)),
    sent: () => sent,
    /** The answer, and all that follows from it without a turn of the loop. */
    async answer() {
      unanswered.shift()?.();
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
    close: () => appender.close(),
  };
}

test('with an answer, much that waits goes at once: a turn of the loop may be long, and the broker would stand still', async () => {
  const { append, sent, answer, close } = createScene();
  const appends = [append(10)];
  await turn();
  appends.push(append(600_000));
  await turn();
  expect(sent()).toBe(1);
  await answer();
  expect(sent()).toBe(2);
  await answer();
  await Promise.all(appends);
  await close();
});

test('little that waits takes along what the turn still brings', async () => {
  const { append, sent, answer, close } = createScene();
  const appends = [append(10)];
  await turn();
  appends.push(append(10));
  await answer();
  expect(sent()).toBe(1);
  appends.push(append(10));
  await turn();
  expect(sent()).toBe(2);
  await answer();
  await Promise.all(appends);
  await close();
});
