import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createEmbeddedLog } from '../src/embedded/index.ts';
import { afterPowerLoss, type DiskTrace, traceFile, tracing } from './disk-trace.ts';

const LOG = JSON.stringify(new URL('../dist/embedded/index.js', import.meta.url).href);
const topics = [{ name: 'events', partitions: 4 }];

// Six sessions append side by side, each says what was acknowledged to it; what all have read goes, so that the room of
// removed chunks is used again. `read` is said before it is published: from then on it may be gone.
const WRITE = `
  import { writeSync } from 'node:fs';
  import { createEmbeddedLog } from ${LOG};
  const log = await createEmbeddedLog({ folder: process.argv[1], topics: ${JSON.stringify(topics)}, retentionMs: 20 });
  await Promise.all(Array.from({ length: 6 }, async (_, session) => {
    for (let next = 0; next < 400; ) {
      const records = Array.from({ length: 1 + (next * 7) % 9 }, () => (
        { key: 'session-' + session, value: Buffer.from(next++ + ':' + 'x'.repeat((next * 131) % 2000)) }
      ));
      await log.append('events', records);
      writeSync(1, 'acknowledged ' + session + ' ' + next + '\\n');
      if (session > 0) continue;
      const positions = (await log.ranges('events')).map(({ topic, partition, end }) => (
        { topic, partition, offset: Math.max(0, end - 120) }
      ));
      for (const { partition, offset } of positions) writeSync(1, 'read ' + partition + ' ' + offset + '\\n');
      await log.publishPosition('storage', positions);
    }
  }));
  await log.close();
`;

/** A random number in [0, 1), the same for the same seed. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const found = await tracing();
// `.ci/run` installs strace; whether it may trace is for the machine to say.
const runs = found === 'allowed' || (found === 'absent' && process.env.CI === 'true');
if (!runs) process.stderr.write(`SKIPPED: the embedded log after a loss of power: strace is ${found} here\n`);

(runs ? describe : describe.skip)('T6: the embedded log after a loss of power', () => {
  let folder: string;
  let trace: DiskTrace;
  beforeAll(async () => {
    expect(found).toBe('allowed');
    folder = await mkdtemp(join(tmpdir(), 'wayline-power-'));
    const log = join(folder, 'log');
    const command = [process.execPath, '--input-type=module', '-e', WRITE, log];
    trace = await traceFile(join(log, 'data.mdb'), command);
  });
  afterAll(async () => {
    if (folder) await rm(folder, { recursive: true });
  });

  /** What was said before a line: how much of each session was acknowledged, how far each partition may be gone. */
  function saidBefore(line: number) {
    const acknowledged = new Map<string, number>();
    const read = new Map<number, number>();
    for (const { text, begin } of trace.notes) {
      if (begin >= line) break;
      const [what, which, count] = text.trim().split(' ') as [string, string, string];
      if (what === 'acknowledged') acknowledged.set(`session-${which}`, Number(count));
      else read.set(Number(which), Number(count));
    }
    return { acknowledged, read };
  }

  test('holds every acknowledged record that is not read, once and in order, whenever it came', async () => {
    expect(trace.notes.filter(({ text }) => text.startsWith('acknowledged')).length).toBeGreaterThan(400);
    const random = dice(20261121); // fixed, so that a failure comes again
    const moments = trace.notes.flatMap(({ begin }, i) => (i % 40 === 0 ? [begin + 1] : []));
    for (let i = 0; i < 60; i++) moments.push(Math.floor(random() * trace.lines) + 1);
    let trimmed = 0;
    for (const [round, line] of moments.entries()) {
      const { acknowledged, read } = saidBefore(line);
      const image = afterPowerLoss(trace, line, { likely: [0, 0.5, 0.9][round % 3] as number, random });
      const crashed = join(folder, `crashed-${round}`);
      await mkdir(crashed);
      await writeFile(join(crashed, 'data.mdb'), image);
      const log = await createEmbeddedLog({ folder: crashed, topics });
      const stored = new Map<string, number>();
      const ranges = await log.ranges('events');
      const offsets = ranges.map(({ start }) => start);
      const follower = log.follow({
        topic: 'events',
        onRecord({ key, value, offset }, partition) {
          expect(offset).toBe(offsets[partition]);
          offsets[partition] = offset + 1;
          const number = Number.parseInt(String(value), 10);
          expect([line, String(key), number]).toEqual([line, String(key), stored.get(String(key)) ?? number]);
          stored.set(String(key), number + 1);
        },
      });
      await follower.caughtUp;
      follower.close();
      expect(offsets).toEqual(ranges.map(({ end }) => end));
      for (const [session, count] of acknowledged) {
        expect([line, session, (stored.get(session) ?? 0) >= count]).toEqual([line, session, true]);
      }
      for (const { partition, start } of ranges) expect(start).toBeLessThanOrEqual(read.get(partition) ?? 0);
      trimmed += ranges.filter(({ start }) => start > 0).length;
      await log.append('events', [{ key: 'session-0', value: Buffer.from('after') }]);
      await log.close();
      await rm(crashed, { recursive: true });
    }
    expect(trimmed).toBeGreaterThan(moments.length / 4);
  });
});
