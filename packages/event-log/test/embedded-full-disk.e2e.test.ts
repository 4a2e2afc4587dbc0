import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { smallDisksPossible, startOnSmallDisk } from '@wayline/testkit';

const LOG = JSON.stringify(new URL('../dist/embedded/index.js', import.meta.url).href);
const DISK_BYTES = 16 * 1024 * 1024;
const OCCUPIED_BYTES = 6_000_000;

const possible = await smallDisksPossible();
if (!possible) process.stderr.write('SKIPPED: the full disk of the embedded log: no small disk can be mounted here\n');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-full-'));
});
afterEach(() => rm(folder, { recursive: true }));

// `fill` appends until five were refused; `goOn` until one is taken again.
const BEGIN = `
  import { statfs } from 'node:fs/promises';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { createEmbeddedLog } from ${LOG};
  const open = (retentionMs) => createEmbeddedLog({
    folder: process.argv[1], topics: [{ name: 'events', partitions: 2 }], retentionMs, logger,
  });
  const warnings = [];
  const logger = { info() {}, error() {}, warn: (fields, message) => warnings.push(message) };
  let log = await open(Number(process.argv[2]) || undefined);
  const acknowledged = new Set();
  let sent = 0;
  const append = async (count) => {
    const ids = Array.from({ length: count }, () => String(sent++));
    await log.append('events', ids.map((id) => ({ key: id, value: Buffer.from(id.padEnd(1000)) })));
    for (const id of ids) acknowledged.add(id);
  };
  const refusals = [];
  const fill = async (count) => {
    for (let failures = 0; failures < 5; ) {
      try {
        await append(count);
      } catch (error) {
        refusals.push(error.name + ' ' + error.reason + ' ' + error.message);
        failures++;
        await sleep(300);
      }
    }
  };
  const goOn = async (count) => {
    const startedAt = Date.now();
    while (await append(count).then(() => false, () => true)) await sleep(50);
    return Date.now() - startedAt;
  };
  const read = async () => {
    const ids = [];
    const follower = log.follow({ topic: 'events', onRecord: ({ value }) => ids.push(String(value).trim()) });
    await follower.caughtUp;
    follower.close();
    return ids;
  };
  const missing = async () => {
    const ids = new Set(await read());
    return [...acknowledged].filter((id) => !ids.has(id)).length;
  };
  const left = async () => {
    const { bavail, bsize } = await statfs(process.argv[1]);
    return bavail * bsize;
  };
  const say = (what) => console.log(JSON.stringify(what));
`;

interface Said {
  acknowledged: number;
  missing: number;
  refusals: string[];
  recoveredMs: number;
  start: number;
  warnings: string[];
}

async function start(script: string, ...args: string[]) {
  const command = [process.execPath, '--input-type=module', '-e', BEGIN + script, folder, ...args] as const;
  const disk = await startOnSmallDisk({ folder, bytes: DISK_BYTES }, command);
  return {
    ...disk,
    /** What the process says next of itself after it said so many times. */
    async said(times: number): Promise<Partial<Said>> {
      while (disk.process.stdout.length <= times) {
        const ended = await Promise.race([disk.process.exited, new Promise((resolve) => setTimeout(resolve, 50))]);
        if (ended) break;
      }
      const line = disk.process.stdout[times];
      if (line === undefined) throw new Error(`It ended: ${disk.process.stderr.join('\n')}`);
      return JSON.parse(line) as Partial<Said>;
    },
  };
}

(possible ? describe : describe.skip)('T6: the embedded log on a full disk', () => {
  test('refuses appends as full, can be read, loses nothing, and recovers when there is room, also after a restart', async () => {
    const {
      process: child,
      occupy,
      release,
      said,
    } = await start(`
      const before = await left();
      say({});
      while (before - (await left()) < ${OCCUPIED_BYTES}) await sleep(20); // or it would fill the disk first
      await fill(100);
      say({ refusals, acknowledged: acknowledged.size, missing: await missing() });
      say({ recoveredMs: await goOn(100), acknowledged: acknowledged.size, missing: await missing() });
      await log.close();
      log = await open();
      await append(100);
      say({ acknowledged: acknowledged.size, missing: await missing() });
      await log.close();
    `);
    await said(0);
    await occupy(OCCUPIED_BYTES);
    const full = await said(1);
    expect(full.acknowledged).toBeGreaterThan(2000);
    expect(full.missing).toBe(0);
    for (const refusal of full.refusals ?? []) {
      expect(refusal).toMatch(/^LogUnavailableError full There is no room left on disk for the event log/);
    }
    await release();
    const recovered = await said(2);
    expect(recovered.recoveredMs).toBeLessThan(3000);
    expect(recovered).toMatchObject({ acknowledged: Number(full.acknowledged) + 100, missing: 0 });
    expect(await said(3)).toMatchObject({ acknowledged: Number(full.acknowledged) + 200, missing: 0 });
    expect(await child.exited).toMatchObject({ code: 0 });
  }, 60_000);

  test.each([1, 10, 100, 2500])(
    'makes room by itself out of what is read and old, filled by appends of %d records',
    async (count) => {
      const { process: child, said } = await start(
        `
        await fill(${count});
        const unread = { refusals, acknowledged: acknowledged.size, missing: await missing() };
        const positions = (await log.ranges('events')).map(({ topic, partition, end }) => ({ topic, partition, offset: end }));
        await log.publishPosition('storage', positions);
        const recoveredMs = await goOn(${count});
        const before = acknowledged.size;
        for (const until = Date.now() + 1000; Date.now() < until; ) await append(${count}).catch(() => sleep(50));
        const [{ start }] = await log.ranges('events');
        const more = acknowledged.size - before;
        say({ ...unread, recoveredMs, start, more, warnings });
        await log.close();
      `,
        '100',
      );
      const told = await said(0);
      expect(told).toMatchObject({ missing: 0 });
      expect(told.acknowledged).toBeGreaterThan(2000);
      expect(told.recoveredMs).toBeLessThan(5000);
      expect(told.start).toBeGreaterThan(0);
      expect(await child.exited).toMatchObject({ code: 0 });
    },
    60_000,
  );
});
