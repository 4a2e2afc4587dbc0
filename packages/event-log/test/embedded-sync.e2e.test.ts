import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';

const run = promisify(execFile);
const ROUNDS = 20;

// Says on standard output, by a system call of its own, when it begins an append and when that was acknowledged.
const PROGRAM = `
  import { writeSync } from 'node:fs';
  import { createEmbeddedLog } from ${JSON.stringify(new URL('../dist/embedded/index.js', import.meta.url).href)};
  const log = await createEmbeddedLog({ folder: process.argv[1], topics: [{ name: 'events', partitions: 4 }] });
  for (let round = 0; round < ${ROUNDS}; round++) {
    writeSync(1, 'append ' + round + '\\n');
    const records = Array.from({ length: 1 + round * 20 }, (_, i) => ({ key: 's-' + i, value: Buffer.from('x'.repeat(500)) }));
    await log.append('events', records);
    writeSync(1, 'acknowledged ' + round + '\\n');
  }
  await log.close();
`;
const TRACED = 'openat,pwrite64,pwritev,writev,write,fsync,fdatasync,msync';

/** Calls in the order in which they returned; those that another thread's came between stand on two lines. */
function completed(trace: string): string[] {
  const unfinished = new Map<string, string>();
  return trace.split('\n').flatMap((line) => {
    const [, thread = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(call)?.[1];
    if (begun !== undefined) {
      unfinished.set(thread, begun);
      return [];
    }
    const rest = /^<\.\.\. \w+ resumed>(.*)$/.exec(call)?.[1];
    return rest === undefined ? call : `${unfinished.get(thread)}${rest}`;
  });
}

/** How far system calls can be traced here. */
async function tracing(): Promise<'allowed' | 'absent' | 'refused'> {
  try {
    await run('strace', ['-o', '/dev/null', '-e', 'trace=write', 'true']);
    return 'allowed';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'absent' : 'refused';
  }
}

const found = await tracing();
// `.ci/run` installs strace; whether it may trace is for the machine to say.
const runs = found === 'allowed' || (found === 'absent' && process.env.CI === 'true');
if (!runs) process.stderr.write(`SKIPPED: the order of sync and answer: strace is ${found} here\n`);

(runs ? describe : describe.skip)('the embedded log, as the system sees it', () => {
  test('T6: what is acknowledged was synced before: the data, then what points to it', async () => {
    expect(found).toBe('allowed');
    const folder = await mkdtemp(join(tmpdir(), 'wayline-sync-'));
    try {
      const trace = join(folder, 'trace');
      const node = [process.execPath, '--input-type=module', '-e', PROGRAM, join(folder, 'log')];
      await run('strace', ['-f', '-y', '-s', '64', '-e', `trace=${TRACED}`, '-o', trace, ...node]);
      const calls = completed(await readFile(trace, 'utf8'));
      // Writes to this descriptor are on disk when they return.
      const opened = calls.find((call) => /openat\(.*data\.mdb", [^)]*O_DSYNC/.test(call)) ?? '';
      const synchronous = /= (\d+)</.exec(opened)?.[1];
      expect(synchronous).toBeDefined();
      const kindOf = (call: string): string | undefined => {
        if (/write\(1<.*"append \d+/.test(call)) return 'append';
        if (/write\(1<.*"acknowledged \d+/.test(call)) return 'acknowledged';
        if (/^f(data)?sync\(\d+<[^>]*data\.mdb>\)\s+= 0/.test(call)) return 'sync';
        const written = /^p?write(?:64|v)?\((\d+)<[^>]*data\.mdb>/.exec(call)?.[1];
        return written && (written === synchronous ? 'root' : 'data');
      };
      const kinds = calls.map(kindOf).filter((kind) => kind !== undefined);
      const from = kinds.indexOf('append');
      const rounds = kinds
        .slice(from, kinds.lastIndexOf('acknowledged') + 1)
        .join(' ')
        .split(/(?<=acknowledged) /);
      expect(rounds).toHaveLength(ROUNDS);
      for (const round of rounds) expect(round).toMatch(/^append (data )+sync root acknowledged$/);
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);
});
