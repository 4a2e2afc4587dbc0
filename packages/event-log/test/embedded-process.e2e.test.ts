import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { startReader } from '../src/contract-suite/index.ts';
import { createEmbeddedLog } from '../src/embedded/index.ts';

const run = promisify(execFile);
const LOG = JSON.stringify(new URL('../dist/embedded/index.js', import.meta.url).href);
const topics = [{ name: 'events', partitions: 4 }];

let folder: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-log-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true });
});

function start(script: string, ...args: string[]): { child: ChildProcess; lines: AsyncIterableIterator<string> } {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines };
}

const HOLD = `
  import { createEmbeddedLog } from ${LOG};
  try {
    await createEmbeddedLog({ folder: process.argv[1], topics: ${JSON.stringify(topics)} });
    console.log('open');
    setInterval(() => {}, 1000);
  } catch (error) {
    console.log(error.name + ': ' + error.message);
  }
`;

test('a second process is refused, with the id of the one that holds the log', async () => {
  const { child, lines } = start(HOLD);
  expect((await lines.next()).value).toBe('open');
  const sentence = `is in use by process ${child.pid}: stop it first, or use another data folder`;
  await expect(createEmbeddedLog({ folder, topics })).rejects.toThrow(sentence);
});

test('the process that holds the log cannot open it twice', async () => {
  const log = await createEmbeddedLog({ folder, topics });
  await expect(createEmbeddedLog({ folder, topics })).rejects.toThrow('is in use by this process itself');
  await log.close();
  await (await createEmbeddedLog({ folder, topics })).close();
});

test('the lock of a process that was killed is taken over at once, by one only of several', async () => {
  const { child, lines } = start(HOLD);
  await lines.next();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const startedAt = performance.now();
  const contenders = Array.from({ length: 5 }, () => start(HOLD).lines.next());
  const said = (await Promise.all(contenders)).map(({ value }) => String(value));
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(said.filter((line) => line === 'open').length).toBe(1);
  expect(said.filter((line) => /^LogSetupError: .* is in use by process \d+/.test(line)).length).toBe(4);
});

test('a process that was killed and is just ending is waited for, not taken for a living one', async () => {
  if (process.platform !== 'linux') return; // elsewhere the system does not tell
  const heavy = `globalThis.ballast = Buffer.alloc(6e8, 1);${HOLD}`; // giving it back takes a while
  const { child, lines } = start(heavy);
  await lines.next();
  child.kill('SIGKILL');
  const flags = () => Number(readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[6]);
  while ((flags() & 4) === 0); // PF_EXITING; without giving way, so that the end is not missed
  await (await createEmbeddedLog({ folder, topics })).close();
});

test('a lock is stale whose process was of another boot, or had the id before another, or is silent elsewhere', async () => {
  const holder = await createEmbeddedLog({ folder, topics });
  const file = join(folder, (await readdir(folder)).find((name) => /^lock\.\d+$/.test(name)) as string);
  const identity = JSON.parse(await readFile(file, 'utf8'));
  await holder.close();
  for (const stale of [{ bootId: 'another' }, { startedAt: '1' }, { pidNamespace: 'another container' }]) {
    const last = (await readdir(folder)).find((name) => /^lock\.\d+$/.test(name)) as string;
    await writeFile(join(folder, last), JSON.stringify({ ...identity, ...stale }));
    await (await createEmbeddedLog({ folder, topics })).close();
  }
});

test('a log that a process of another container holds is refused while that one shows that it lives', async () => {
  const { lines } = start(HOLD);
  await lines.next();
  const file = join(folder, (await readdir(folder)).find((name) => /^lock\.\d+$/.test(name)) as string);
  const identity = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...identity, pidNamespace: 'another container' }));
  await expect(createEmbeddedLog({ folder, topics })).rejects.toThrow(
    `by process ${identity.pid} of another container`,
  );
});

// Appends as fast as it can, eight calls at a time, and says what was acknowledged.
const APPEND = `
  import { createEmbeddedLog } from ${LOG};
  const [folder, round] = process.argv.slice(1);
  const log = await createEmbeddedLog({ folder, topics: ${JSON.stringify(topics)} });
  await Promise.all(Array.from({ length: 8 }, async (_, session) => {
    for (let next = 0; ; ) {
      const records = Array.from({ length: 1 + (next * 7) % 40 }, () => (
        { key: 'session-' + session, value: Buffer.from(round + ':' + next++ + ':' + 'x'.repeat((next * 13) % 3000)) }
      ));
      await log.append('events', records);
      console.log(session + ' ' + next);
    }
  }));
`;

test('T6: killed by SIGKILL at random moments, every acknowledged record is there, once and in order', async () => {
  const acknowledged = new Map<string, number>();
  const rounds = 12;
  let random = 20260105; // fixed, so that a failure comes again
  for (let round = 0; round < rounds; round++) {
    const { child, lines } = start(APPEND, String(round));
    await lines.next();
    random = (Math.imul(random, 1103515245) + 12345) >>> 0;
    const killer = setTimeout(() => child.kill('SIGKILL'), random % 250);
    for await (const line of { [Symbol.asyncIterator]: () => lines }) {
      const [session, next] = line.split(' ') as [string, string];
      acknowledged.set(`${round}:session-${session}`, Number(next));
    }
    clearTimeout(killer);

    const log = await createEmbeddedLog({ folder, topics }); // takes the stale lock over
    const ranges = await log.ranges('events');
    const total = ranges.reduce((sum, { end }) => sum + end, 0);
    const reader = await startReader(log, { topic: 'events' });
    await reader.until(
      'everything',
      () => reader.batches.reduce((sum, { records }) => sum + records.length, 0) >= total,
    );
    await log.close();

    const stored = new Map<string, number>();
    const nextOffsets = [0, 0, 0, 0];
    const wrong: object[] = []; // an expectation for each of so many records would take most of the time
    for (const { partition, records } of reader.batches) {
      for (const record of records) {
        const [of, number] = String(record.value).split(':') as [string, string];
        const name = `${of}:${record.key}`;
        const expected = { number: stored.get(name) ?? 0, offset: nextOffsets[partition] };
        if (Number(number) !== expected.number || record.offset !== expected.offset) {
          wrong.push({ name, number, offset: record.offset, expected });
        }
        stored.set(name, Number(number) + 1);
        nextOffsets[partition] = record.offset + 1;
      }
    }
    expect(wrong).toEqual([]);
    for (const [name, next] of acknowledged) expect(stored.get(name) ?? 0).toBeGreaterThanOrEqual(next);
  }
  expect(acknowledged.size).toBeGreaterThan(rounds);
});

// Fills a disk of 16 MB with a ballast of 6 MB on it, until it is full; then makes room.
const FILL = `
  import { rm, writeFile } from 'node:fs/promises';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { createEmbeddedLog } from ${LOG};
  const folder = process.argv[1];
  await writeFile(folder + '/ballast', Buffer.alloc(6e6));
  const log = await createEmbeddedLog({ folder: folder + '/log', topics: [{ name: 'events', partitions: 1 }] });
  const append = (count) => log.append('events', Array.from({ length: count }, () => ({ key: 'k', value: Buffer.alloc(1000) })));
  let acknowledged = 0;
  const reasons = new Set();
  const told = [];
  for (let failures = 0; failures < 5; ) {
    try {
      await append(100);
      acknowledged += 100;
    } catch (error) {
      reasons.add(error.name + ' ' + error.reason);
      told.push(error.message);
      failures++;
      await sleep(300);
    }
  }
  const full = await log.ranges('events');
  await rm(folder + '/ballast');
  const freedAt = Date.now();
  while (await append(100).then(() => false, () => true)) await sleep(50);
  const recoveredMs = Date.now() - freedAt;
  const again = await log.ranges('events');
  await log.close();
  const reopened = await createEmbeddedLog({ folder: folder + '/log', topics: [] });
  const last = await reopened.peek({ topic: 'events', partition: 0, offset: again[0].end - 1 });
  await reopened.close();
  console.log(JSON.stringify({ acknowledged, reasons: [...reasons], told: told[0], fullEnd: full[0].end, recoveredMs, end: again[0].end, last: last.offset }));
`;

test('a full disk refuses appends with that reason, loses nothing, and the log recovers when there is room', async () => {
  const mount = 'mount -t tmpfs -o size=16m tmpfs "$1" && shift && exec "$@"';
  const inNamespace = ['--user', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh', folder];
  const possible = await run('unshare', [...inNamespace, 'true']).then(
    () => true,
    () => false,
  );
  if (!possible) return; // no small disk can be had here: needs Linux and user namespaces
  const script = ['--input-type=module', '-e', FILL, folder];
  const { stdout } = await run('unshare', [...inNamespace, process.execPath, ...script]);
  const told = JSON.parse(stdout.trim().split('\n').at(-1) as string);
  expect(told.reasons).toEqual(['LogUnavailableError full']);
  expect(told.told).toMatch(/^There is no room left on disk for the event log/);
  expect(told.acknowledged).toBeGreaterThan(1000);
  expect(told.fullEnd).toBe(told.acknowledged);
  expect(told.recoveredMs).toBeLessThan(3000);
  expect(told.end).toBe(told.acknowledged + 100);
  expect(told.last).toBe(told.end - 1);
});

test('a log that nobody uses takes no processor time', async () => {
  const script = `
    import { createEmbeddedLog } from ${LOG};
    import { setTimeout as sleep } from 'node:timers/promises';
    const log = await createEmbeddedLog({ folder: process.argv[1], topics: ${JSON.stringify(topics)} });
    await log.consume({ group: 'g', topics: ['events'], begin: async ({ start }) => ({ offset: start }), handle: async (b) => b.nextOffset });
    await sleep(500);
    const before = process.cpuUsage();
    await sleep(3500);
    const { user, system } = process.cpuUsage(before);
    console.log((user + system) / 1000);
    await log.close();
  `;
  const { lines, child } = start(script);
  expect(Number((await lines.next()).value)).toBeLessThan(35); // ms in 3.5 s: one per cent
  if (child.exitCode === null) await once(child, 'exit');
});
