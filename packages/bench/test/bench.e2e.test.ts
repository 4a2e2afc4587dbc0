import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { describeWithKafka, type KafkaCluster, sharedPostgres, startKafka, startProcess } from '@wayline/testkit';
import type { BenchReport } from '../src/index.ts';

jest.setTimeout(240_000);

const PROGRAM = fileURLToPath(new URL('../bin/bench.js', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayline-bench-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function bench(...args: string[]) {
  const env = { WAYLINE_TEST_DATABASE_URL: await sharedPostgres() };
  const run = startProcess(process.execPath, [PROGRAM, ...args], { env });
  const { code } = await run.exited;
  return { code, stdout: run.stdout.join('\n'), stderr: run.stderr.join('\n') };
}

async function report(...args: string[]): Promise<BenchReport> {
  const file = join(folder, `${args[0]}.json`);
  const { code, stdout, stderr } = await bench(...args, '--quick', '--json', file);
  const read = JSON.parse(await readFile(file, 'utf8').catch(() => 'null')) as BenchReport | null;
  if (!read) throw new Error(`No figures were written: ${stderr}`);
  expect(read.failures).toEqual([]);
  expect(code).toBe(0);
  for (const found of read.cases) expect(stdout).toContain(found.case);
  return read;
}

const MEASURED = { eventsPerSecond: expect.any(Number), p50Ms: expect.any(Number), p99Ms: expect.any(Number) };

const DRAINED = {
  eventsPerSecond: expect.any(Number),
  cpuMicrosPerEvent: expect.any(Number),
  databaseMicrosPerEvent: expect.any(Number),
  rssMb: expect.any(Number),
  bytesPerEvent: expect.any(Number),
  derivedBytesPerEvent: expect.any(Number),
};

/** Something was acknowledged, and all of it is in the log, once. */
function expectEqual({ comparison }: BenchReport['cases'][number]): void {
  expect(comparison?.acknowledged).toBeGreaterThan(0);
  expect(comparison).toMatchObject({ missing: 0, foreign: 0, duplicates: 0 });
}

await describeWithKafka(
  'a benchmark on Kafka, in its short form',
  () => {
    let kafka: KafkaCluster;
    beforeAll(async () => {
      kafka = await startKafka();
    });
    afterAll(() => kafka.close());

    test('ingest, on both logs, loses nothing that it acknowledged, and stands beside its limit and the obvious design', async () => {
      const { bench: name, machine, cases } = await report('ingest', '--kafka', kafka.brokers.join(','));
      expect(name).toBe('ingest');
      expect(machine).toMatchObject({ cpus: expect.any(Number), node: process.version });
      for (const size of ['1 event × 8', '2500 events × 4']) {
        const limit = { name: `bare Node http, ${size}`, eventsPerSecond: expect.any(Number) };
        const obvious = { name: `obvious design, ${size}`, eventsPerSecond: expect.any(Number) };
        for (const log of ['kafka', 'embedded']) {
          const found = cases.find(({ case: its }) => its === `${log}, ${size}`);
          if (!found) throw new Error(`There is no case of ${log}, ${size}`);
          expect(found).toMatchObject({ ...MEASURED, limit, obvious, ratio: expect.any(Number) });
          expectEqual(found);
        }
      }
    });

    test('issue 6: a door loses nothing that it acknowledged, and stands beside POST', async () => {
      const { cases } = await report('doors', '--only', 'WebSocket', '--kafka', kafka.brokers.join(','));
      const [limit, found] = cases;
      expect(cases).toHaveLength(2);
      expect(found).toMatchObject({ ...MEASURED, limit: { name: limit?.case }, ratio: expect.any(Number) });
      for (const each of cases) expectEqual(each);
    });

    test.each(['soak', 'overload'])('%s loses nothing that it acknowledged', async (name) => {
      const { cases } = await report(name, '--kafka', kafka.brokers.join(','));
      const [maximum, found] = cases;
      if (!maximum || !found) throw new Error('There are cases missing');
      expect(found).toMatchObject({ ...MEASURED, limit: { name: maximum.case } });
      for (const each of cases) expectEqual(each);
    });

    test('T6: the worker stores what stands in the log exactly once, and stands beside a COPY of the same rows', async () => {
      const { cases } = await report('worker');
      const byName = (name: string) => cases.find((found) => found.case === name);
      for (const name of ['drain, 2 h', 'drain, 24 h', '50 % duplicates, 2 h']) {
        expect(byName(name)).toMatchObject({
          ...DRAINED,
          limit: { name: expect.any(String), eventsPerSecond: expect.any(Number) },
          stored: [{ records: 4000, deadLettered: 0, faults: [] }],
        });
      }
      expect(byName('drain, 2 h')?.stored).toMatchObject([{ stored: 4000, duplicate: 0 }]);
      expect(byName('50 % duplicates, 2 h')?.stored).toMatchObject([{ stored: 2000, duplicate: 2000 }]);
      const limit = byName('COPY of the rows of "drain, 2 h" × 1');
      expect(byName('drain, 2 h')?.limit).toEqual({ name: limit?.case, eventsPerSecond: limit?.eventsPerSecond });
      const found = byName('acknowledged → queryable, at 50 % of the maximum');
      expect(found).toMatchObject({ ...MEASURED, behindSeconds: expect.any(Number), stored: [{ faults: [] }] });
      expectEqual(found as BenchReport['cases'][number]);
    });

    test('each query is asked alone, and while a worker stores, and stands beside its target', async () => {
      const { cases } = await report('query');
      for (const name of [
        'session summary',
        'machine timeline page',
        'fate of an event, any id',
        'series by hour, 30 days',
      ]) {
        expect(cases).toContainEqual(
          expect.objectContaining({
            case: name,
            p50Ms: expect.any(Number),
            p99Ms: expect.any(Number),
            target: { p99Ms: expect.any(Number) },
            isMet: expect.any(Boolean),
          }),
        );
      }
      // In its short form a case is over before a worker on a busy machine has stored the next batch.
      const storing = cases.filter(({ case: its }) => its.endsWith(', storing'));
      expect(Math.max(...storing.map(({ eventsPerSecond }) => eventsPerSecond))).toBeGreaterThan(0);
      const exported = cases.find(({ case: its }) => its.startsWith('export of'));
      expect(exported).toMatchObject({ answers: expect.any(Number), isMet: expect.any(Boolean) });
      expect(cases.filter(({ isMissing }) => isMissing)).toEqual([]);
    });
  },
  { own: true },
);

test('--help says how it is meant', async () => {
  const { code, stdout, stderr } = await bench('--help');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('npm run bench -- NAME');
});

describe('a wrong command line is said, with how it is meant:', () => {
  test.each([
    ['an unknown benchmark', ['nothing'], 'There is no benchmark "nothing".'],
    ['none', [], 'There is no benchmark "".'],
    ['an unknown log', ['ingest', '--log', 'paper'], 'There is no log "paper".'],
    ['a number that is none', ['ingest', '--seconds', 'x'], '--seconds must be a number above 0, which "x" is not.'],
    ['a Kafka for the worker', ['worker', '--kafka', 'localhost:9092'], 'on a Kafka of its own, which is filled'],
    ['an unknown option', ['ingest', '--fast'], "Unknown option '--fast'"],
  ])('%s', async (_, args, sentence) => {
    const { code, stderr } = await bench(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('npm run bench -- NAME');
  });
});
