import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { traceFile, tracing } from './disk-trace.ts';

const ROUNDS = 20;

// Says on standard output, by a system call of its own, when it begins an append and when that was acknowledged.
const PROGRAM = `
  import { writeSync } from 'node:fs';
  import { createEmbeddedLog } from ${JSON.stringify(new URL('../dist/embedded/index.js', import.meta.url).href)};
  const log = await createEmbeddedLog({ folder: process.argv[1], topics: [{ name: 'events', partitions: 4 }] });
  for (let round = 0; round < ${ROUNDS}; round++) {
    writeSync(1, 'append');
    const records = Array.from({ length: 1 + round * 20 }, (_, i) => ({ key: 's-' + i, value: Buffer.from('x'.repeat(500)) }));
    await log.append('events', records);
    writeSync(1, 'acknowledged');
  }
  await log.close();
`;

const found = await tracing();
// `.ci/run` installs strace; whether it may trace is for the machine to say.
const runs = found === 'allowed' || (found === 'absent' && process.env.CI === 'true');
if (!runs) process.stderr.write(`SKIPPED: the order of sync and answer: strace is ${found} here\n`);

(runs ? describe : describe.skip)('the embedded log, as the system sees it', () => {
  test('T6: what is acknowledged was synced before: the data, then what points to it', async () => {
    expect(found).toBe('allowed');
    const folder = await mkdtemp(join(tmpdir(), 'wayline-sync-'));
    try {
      const node = [process.execPath, '--input-type=module', '-e', PROGRAM, folder];
      const { writes, syncs, notes } = await traceFile(join(folder, 'data.mdb'), node);
      const calls = [
        ...writes.map(({ durable, end }) => ({ kind: durable ? 'root' : 'data', end })),
        ...syncs.map(({ end }) => ({ kind: 'sync', end })),
        ...notes.map(({ text, end }) => ({ kind: text, end })),
      ].sort((a, b) => a.end - b.end);
      const kinds = calls.map(({ kind }) => kind);
      const rounds = kinds
        .slice(kinds.indexOf('append'), kinds.lastIndexOf('acknowledged') + 1)
        .join(' ')
        .split(/(?<=acknowledged) /);
      expect(rounds).toHaveLength(ROUNDS);
      for (const round of rounds) expect(round).toMatch(/^append (data )+sync root acknowledged$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});
