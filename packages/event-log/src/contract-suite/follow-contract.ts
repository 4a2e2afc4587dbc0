import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { EventLog, LogFollower, LogRecord } from '../event-log.ts';
import { partitionOf } from '../murmur2.ts';
import type { DefineTest } from './log-under-test.ts';
import { keysByPartition, numbered, numbers } from './reader.ts';

interface Followed {
  follower: LogFollower;
  /** What was handed over, as text. */
  values(partition?: number): string[];
  /** Resolves when so many have been. */
  until(count: number): Promise<void>;
}

const PATIENCE_MS = 20_000;

function startFollowing(log: EventLog, topic: string): Followed {
  const seen: { value: string; partition: number }[] = [];
  const waiting = new Set<() => void>();
  const follower = log.follow({
    topic,
    onRecord({ value }, partition) {
      seen.push({ value: String(value), partition });
      for (const look of [...waiting]) look();
    },
  });
  const values = (partition?: number) =>
    seen.filter((each) => partition === undefined || each.partition === partition).map(({ value }) => value);
  return {
    follower,
    values,
    async until(count) {
      const late = setTimeout(() => follower.close(), PATIENCE_MS);
      const enough = new Promise<void>((resolve) => {
        const look = () => seen.length >= count && resolve();
        waiting.add(look);
        look();
      });
      await Promise.race([enough, follower.ended]);
      clearTimeout(late);
      if (seen.length < count) throw new Error(`${count} records were not seen in time, but ${seen.length}`);
    },
  };
}

/** What `follow` promises: a topic whole, and then as it grows, for everybody who asks. */
export function followContract(define: DefineTest): void {
  define('all that is there comes before caughtUp, what is appended after', { partitions: 3 }, async (test) => {
    const { log, topic } = test;
    const keys = keysByPartition(3, partitionOf);
    for (const key of keys) await log.append(topic, numbered(1500, { key }));
    const { follower, values, until } = startFollowing(log, topic);
    await follower.caughtUp;
    for (const partition of [0, 1, 2]) expect(values(partition)).toEqual(numbers(1500));
    await Promise.all(keys.map((key) => log.append(topic, numbered(5, { key, from: 1500 }))));
    await until(3 * 1505);
    for (const partition of [0, 1, 2]) expect(values(partition)).toEqual(numbers(1505));
    follower.close();
    await follower.ended;
  });

  define('of an empty topic caughtUp comes at once, and records as they are appended', {}, async ({ log, topic }) => {
    const { follower, values, until } = startFollowing(log, topic);
    await follower.caughtUp;
    expect(values()).toEqual([]);
    for (let i = 0; i < 3; i++) {
      await sleep(i * 300); // longer than a fetch may wait, in the end
      const startedAt = performance.now();
      await log.append(topic, numbered(1, { from: i }));
      await until(i + 1);
      expect(performance.now() - startedAt).toBeLessThan(2000);
    }
    expect(values()).toEqual(['0', '1', '2']);
  });

  define('followers are handed everything each, whatever groups and others read', {}, async ({ log, topic }) => {
    await log.append(topic, numbered(10));
    const one = startFollowing(log, topic);
    await one.follower.caughtUp;
    await log.publishPosition('any group', [{ topic, partition: 0, offset: 10 }]);
    const other = startFollowing(log, topic);
    await other.follower.caughtUp;
    await log.append(topic, numbered(10, { from: 10 }));
    await Promise.all([one.until(20), other.until(20)]);
    expect([one.values(), other.values()]).toEqual([numbers(20), numbers(20)]);
  });

  define('a record comes with its offset, key, headers and time', {}, async ({ log, topic }) => {
    const records: unknown[] = [];
    await log.append(topic, [{ key: 'schlüssel', value: Buffer.from('v'), headers: { name: 'wert' } }]);
    const onRecord = ({ offset, timeMs, key, value, headers }: LogRecord, partition: number) =>
      void records.push({ offset, timeMs, key, value, headers: { ...headers }, partition });
    const follower = log.follow({ topic, onRecord });
    await follower.caughtUp;
    expect(records).toEqual([
      {
        partition: 0,
        offset: 0,
        timeMs: expect.any(Number),
        key: Buffer.from('schlüssel'),
        value: Buffer.from('v'),
        headers: { name: Buffer.from('wert') },
      },
    ]);
  });

  define('the follower tells when it last knew that there is no more', {}, async ({ log, topic }) => {
    const before = Date.now();
    const { follower } = startFollowing(log, topic);
    await follower.caughtUp;
    for (const deadline = before + PATIENCE_MS; ; await sleep(20)) {
      const heard = follower.heardAtMs() ?? 0;
      expect(heard).toBeLessThanOrEqual(Date.now());
      if (heard > before + 500) break; // it is asked again and again, also where nothing comes
      expect(Date.now()).toBeLessThan(deadline);
    }
  });

  define('a closed follower is handed nothing more', {}, async ({ log, topic }) => {
    await log.append(topic, numbered(3));
    const { follower, values } = startFollowing(log, topic);
    await follower.caughtUp;
    follower.close();
    follower.close();
    await follower.ended;
    const other = startFollowing(log, topic);
    await log.append(topic, numbered(3, { from: 3 }));
    await other.until(6);
    expect(values()).toEqual(numbers(3));
  });

  define('a follower that is closed before it has caught up says so', {}, async ({ log, topic }) => {
    const { follower } = startFollowing(log, topic);
    follower.close();
    await follower.ended;
    await expect(Promise.race([follower.caughtUp, sleep(5000, undefined, { ref: false })])).rejects.toMatchObject({
      name: 'LogUnavailableError',
    });
  });

  define('what the receiver throws ends the follower, and nothing else', {}, async ({ log, topic }) => {
    await log.append(topic, numbered(3));
    const seen: string[] = [];
    const failing = log.follow({
      topic,
      onRecord({ value }) {
        seen.push(String(value));
        throw new Error('the receiver of the test fails');
      },
    });
    await expect(failing.ended).rejects.toThrow('the receiver of the test fails');
    await expect(failing.caughtUp).rejects.toThrow('the receiver of the test fails');
    expect(seen).toEqual(['0']);
    const { follower, values } = startFollowing(log, topic);
    await follower.caughtUp;
    expect(values()).toEqual(numbers(3));
  });

  define('a topic that the log was not opened with is refused', {}, async ({ log, topic }) => {
    expect(() => log.follow({ topic: `${topic}.unknown`, onRecord: () => {} })).toThrow();
  });

  define('closing the log closes its followers', {}, async (test) => {
    await test.log.append(test.topic, numbered(3));
    const { follower } = startFollowing(test.log, test.topic);
    await follower.caughtUp;
    await test.log.close();
    await follower.ended;
    expect(() => test.log.follow({ topic: test.topic, onRecord: () => {} })).toThrow();
  });

  define('after close and reopen a follower is handed everything again', {}, async (test) => {
    await test.log.append(test.topic, numbered(50));
    await startFollowing(test.log, test.topic).follower.caughtUp;
    const { follower, values } = startFollowing(await test.reopen(), test.topic);
    await follower.caughtUp;
    expect(values()).toEqual(numbers(50));
  });

  define(
    'a compacted topic keeps at least the last record of each key over close and reopen, in order',
    { compacted: true },
    async (test) => {
      const { topic } = test;
      const rounds = 40;
      for (let round = 0; round < rounds; round++) {
        await test.log.append(
          topic,
          ['a', 'b', `once-${round}`].map((key) => ({ key, value: Buffer.from(`${key}=${round}`) })),
        );
      }
      for (let times = 0; times < 3; times++) {
        const { follower, values } = startFollowing(await test.reopen(), topic);
        await follower.caughtUp;
        const last = new Map(values().map((value) => value.split('=') as [string, string]));
        expect(last.get('a')).toBe(String(rounds - 1));
        expect(last.get('b')).toBe(String(rounds - 1));
        expect(last.size).toBe(2 + rounds);
      }
      await test.log.append(topic, [{ key: 'a', value: Buffer.from('a=last') }]);
      const { follower, values } = startFollowing(await test.reopen(), topic);
      await follower.caughtUp;
      expect(values().at(-1)).toBe('a=last');
    },
  );
}
