import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { keysByPartition } from '../src/contract-suite/index.ts';
import { createEmbeddedLog } from '../src/embedded/index.ts';
import { partitionOf } from '../src/murmur2.ts';

const LOG = JSON.stringify(new URL('../dist/embedded/index.js', import.meta.url).href);
const topics = [{ name: 'events', partitions: 2 }];
const PAGE = 4096;
const COPIES = 80;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-damage-'));
});
afterEach(() => rm(folder, { recursive: true }));

// Reads each copy whole, from the number given on, and says what came of it: a line begins when a copy is begun, for
// LMDB may end the process over it.
const READ = `
  import { writeSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { createEmbeddedLog } from ${LOG};
  const [folder, first, copies, ...written] = process.argv.slice(1);
  async function read(copy) {
    const log = await createEmbeddedLog({ folder: folder + '/' + copy, topics: ${JSON.stringify(topics)} });
    try {
      const next = [0, 0];
      const ends = (await log.ranges('events')).map(({ end }) => end);
      let wrong;
      let atEnd = () => {};
      const whole = new Promise((resolve) => { atEnd = resolve; });
      const look = () => next.every((offset, i) => offset >= ends[i]) && atEnd();
      const consumer = await log.consume({
        group: 'g', topics: ['events'],
        begin: async ({ partition, start }) => {
          if (start > next[partition]) wrong = 'another range';
          next[partition] = Math.max(start, next[partition]);
          return { offset: next[partition] };
        },
        handle: async ({ partition, records, nextOffset }) => {
          for (const { offset, value } of records) {
            if (offset !== next[partition]) wrong = 'offset ' + offset + ' came for ' + next[partition];
            if (String(value).split(':')[0] !== partition + '-' + offset) wrong = 'another record came for ' + offset;
            next[partition] = offset + 1;
          }
          look();
          return nextOffset;
        },
      });
      look();
      const ended = consumer.ended.then(() => { throw new Error('ended'); });
      await Promise.race([whole, ended, sleep(10000).then(() => { throw new Error('nothing more came'); })]);
      if (wrong) return wrong;
      return ends.join() === written.join() ? 'whole' : 'another range';
    } finally {
      await log.close();
    }
  }
  for (let copy = Number(first); copy < Number(copies); copy++) {
    writeSync(1, copy + ' ');
    writeSync(1, (await read(copy).catch(({ name, message }) => name + ': ' + message)) + '\\n');
  }
  process.exit();
`;

/** A random number in [0, 1), the same for the same seed. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Where the pages lie that LMDB finds records by, and where all do; none of the two heads. */
function pagesOf(content: Buffer) {
  const all = Array.from({ length: content.length / PAGE - 2 }, (_, i) => (i + 2) * PAGE);
  const ofTree = (at: number) => content.readBigUInt64LE(at) === BigInt(at / PAGE) && content.readUInt16LE(at + 18) < 3;
  return { all, tree: all.filter(ofTree) };
}

/** One page, or all from its middle on, is not as it was written. */
function damage(content: Buffer, pages: readonly number[], random: () => number): Buffer {
  const copy = Buffer.from(content);
  const at = pages[Math.floor(random() * pages.length)] as number;
  const page = copy.subarray(at, at + PAGE);
  const ways = [
    () => page.fill(0),
    () => page.fill(0, PAGE / 2),
    () => page.set(Uint8Array.from(page, () => random() * 256)),
    () => page.writeUInt8(Math.floor(random() * 256), Math.floor(random() * PAGE)),
  ];
  const way = Math.floor(random() * (ways.length + 1));
  if (way === ways.length) return copy.subarray(0, at + PAGE / 2);
  ways[way]?.();
  return copy;
}

async function readCopies(written: readonly number[]): Promise<string[]> {
  const told: string[] = [];
  while (told.length < COPIES) {
    const args = [
      '--input-type=module',
      '-e',
      READ,
      folder,
      String(told.length),
      String(COPIES),
      ...written.map(String),
    ];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, copy, what = ''] = /^(\d+) (.*)$/s.exec(line) ?? [];
      if (what) told[Number(copy)] = what;
    }
    const [code, signal] = await exited;
    if (told.length < COPIES) told.push(`ended by ${signal ?? code}`);
  }
  return told;
}

test('a file damaged anywhere is read whole, or its damage is told: no record is passed over, nor another handed over', async () => {
  const log = await createEmbeddedLog({ folder: join(folder, 'log'), topics });
  const keys = keysByPartition(2, partitionOf) as [string, string];
  const ends: [number, number] = [0, 0];
  for (let i = 0; i < 300; i++) {
    // Small records lie in LMDB's own pages, large ones in pages of theirs.
    const partition = i % 2 === 0 ? 0 : 1;
    const records = Array.from({ length: 1 + (i % 5) }, () => ({
      key: keys[partition],
      value: Buffer.from(`${partition}-${ends[partition]++}:${'x'.repeat(i % 3 === 0 ? (i * 97) % 5000 : 20)}`),
    }));
    await log.append('events', records);
  }
  expect((await log.ranges('events')).map(({ end }) => end)).toEqual(ends);
  await log.close();
  const content = await readFile(join(folder, 'log', 'data.mdb'));
  const { all, tree } = pagesOf(content);
  const random = dice(4); // fixed, so that a failure comes again
  for (let copy = 0; copy < COPIES; copy++) {
    await mkdir(join(folder, String(copy)));
    await writeFile(join(folder, String(copy), 'data.mdb'), damage(content, copy % 2 === 0 ? all : tree, random));
  }

  const told = await readCopies(ends);
  const sentence = /^LogSetupError: The (event log|file) .*damaged/;
  const kinds = told.map((what) =>
    what === 'whole'
      ? 'whole'
      : sentence.test(what)
        ? 'told'
        : /^ended by SIG(ABRT|SEGV)$/.test(what)
          ? 'aborted'
          : what,
  );
  expect(kinds.filter((kind) => !['whole', 'told', 'aborted', 'another range'].includes(kind))).toEqual([]);
  expect(kinds.filter((kind) => kind === 'told').length).toBeGreaterThan(COPIES / 3);
  expect(kinds.filter((kind) => kind === 'another range').length).toBeLessThan(COPIES / 10);
  // LMDB itself gives up over some pages. That is loud, too, but no sentence.
  expect(kinds.filter((kind) => kind === 'aborted').length).toBeLessThan(COPIES / 10);
}, 120_000);
