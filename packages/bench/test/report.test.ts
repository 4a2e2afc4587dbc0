import { describe, expect, test } from '@jest/globals';
import { memoryInAll, unsteady } from '../src/benches/soak.ts';
import { ratioOfTurns } from '../src/benches/turns.ts';
import type { LoadReport } from '../src/load/load-job.ts';
import { newTally, reportTally } from '../src/load/tally.ts';
import type { Measurement } from '../src/measure/load-server.ts';
import { median } from '../src/measure/median.ts';
import { memoryCourse } from '../src/measure/sample-memory.ts';
import { caseTable } from '../src/report/case-table.ts';
import { doorsTable } from '../src/report/doors-table.ts';
import { failuresOf } from '../src/report/failures.ts';
import { beside, summarise } from '../src/report/summarise.ts';
import { type DrainRun, summariseDrains } from '../src/report/summarise-worker.ts';
import { workerTable } from '../src/report/worker-table.ts';

const EQUAL = { acknowledged: 10, inLog: 10, missing: 0, duplicates: 0, unacknowledged: 0, foreign: 0 };

function measurement(eventsPerSecond: number, { whole = {}, ...more }: Partial<Measurement> & { whole?: object } = {}) {
  const tally = { ...reportTally(newTally()), acknowledged: 1 };
  const report: LoadReport = {
    seconds: 1,
    measured: tally,
    whole: { ...tally, ...whole },
    sentRequests: 1,
    acknowledged: '',
    firstFault: undefined,
    cpuMicros: { load: 1 },
    peakRssMb: undefined,
    memory: [],
  };
  return { eventsPerSecond, report, cpuMicrosPerEvent: { server: eventsPerSecond / 10, load: 1 }, ...more };
}

test('a case is the median of its runs, with the least and the most beside it', () => {
  expect(summarise('x', [measurement(30), measurement(10), measurement(20)])).toMatchObject({
    runs: 3,
    eventsPerSecond: 20,
    eventsPerSecondMin: 10,
    eventsPerSecondMax: 30,
    cpuMicrosPerEvent: 2,
  });
});

test('the comparisons of the runs are added up', () => {
  const runs = [measurement(1, { comparison: EQUAL }), measurement(1, { comparison: { ...EQUAL, missing: 2 } })];
  expect(summarise('x', runs).comparison).toEqual({ ...EQUAL, acknowledged: 20, inLog: 20, missing: 2 });
});

test('what was measured beside a case is a ratio', () => {
  const limit = { name: 'bare', eventsPerSecond: 40 };
  expect(beside(summarise('x', [measurement(10)]), { limit })).toMatchObject({ limit, ratio: 0.25 });
});

describe('it is a failure', () => {
  test.each([
    ['when something acknowledged is missing', measurement(1, { comparison: { ...EQUAL, missing: 1 } })],
    ['when something is there that was not sent', measurement(1, { comparison: { ...EQUAL, foreign: 1 } })],
    ['when requests got errors', measurement(1, { whole: { refused: 1 } })],
    ['when requests were not answered', measurement(1, { whole: { lost: 1 } })],
    ['when connections were refused', measurement(1, { whole: { connectionsRefused: 1 } })],
    ['when load was shed without Retry-After', measurement(1, { whole: { shedWithoutRetryAfter: 1 } })],
    ['when nothing was acknowledged', measurement(0, { whole: { acknowledged: 0 } })],
  ])('%s', (_, run) => {
    expect(failuresOf('x', [run])).toHaveLength(1);
  });

  test('and none when load was shed, or records stand twice', () => {
    const comparison = { ...EQUAL, duplicates: 3, unacknowledged: 4 };
    expect(failuresOf('x', [measurement(1, { comparison, whole: { shed: 5 } })])).toEqual([]);
  });
});

test('the table says what is in the log', () => {
  const missing = { ...EQUAL, missing: 1200, duplicates: 1 };
  const cases = [EQUAL, missing].map((comparison) => summarise('x', [measurement(1, { comparison })]));
  const [, , equal, faulty] = caseTable(cases).split('\n');
  expect(equal).toMatch(/equal$/);
  expect(faulty).toMatch(/1,200 MISSING, 1 twice$/);
});

test.each([
  [[], 0],
  [[3], 3],
  [[4, 1], 2.5],
  [[9, 1, 5], 5],
])('the median of %j is %d', (values, expected) => {
  expect(median(values)).toBe(expected);
});

test('memory that grows by 2 MB a minute is said to', () => {
  const samples = Array.from({ length: 9 }, (_, minute) => ({ minute, mb: 100 + 2 * minute }));
  const course = memoryCourse(samples);
  expect(course).toMatchObject({ firstMb: 102, lastMb: 114, maxMb: 116 });
  expect(course?.mbPerMinute).toBeCloseTo(2);
});

test('of two samples there is no course of memory', () => {
  expect(memoryCourse([0, 1].map((minute) => ({ minute, mb: 100 })))).toBeUndefined();
});

function drainRun(seconds: number, faults: string[] = []): DrainRun {
  const stored = { records: 100, events: 50, stored: 50, duplicate: 50, deadLettered: 0, faults };
  const drain = { records: 100, seconds, workerMicros: 1000, databaseMicros: 2000 * seconds, brokerMicros: undefined };
  const relations = [{ name: 'events', bytes: 10_000 }];
  return {
    drain: { ...drain, walBytes: 5000, peakRssMb: 200 + seconds, memory: undefined },
    disk: { events: 20_000, derived: 5000, relations },
    stored,
  };
}

test('a drain is told by the record that was read, and its disk by the event that was stored', () => {
  expect(summariseDrains('x', [drainRun(4), drainRun(1), drainRun(2)])).toMatchObject({
    runs: 3,
    eventsPerSecond: 50,
    eventsPerSecondMin: 25,
    eventsPerSecondMax: 100,
    cpuMicrosPerEvent: 10,
    databaseMicrosPerEvent: 40,
    rssMb: 204,
    bytesPerEvent: 400,
    derivedBytesPerEvent: 100,
    walBytesPerEvent: 50,
    relations: [{ name: 'events', bytesPerEvent: 200 }],
  });
});

test('what is not known of a drain is left out', () => {
  expect(summariseDrains('x', [drainRun(1)]).brokerMicrosPerEvent).toBeUndefined();
});

test('the table of the doors says of requests whether they are in the log, and of drains whether they are stored once', () => {
  const cases = [summarise('x', [measurement(1, { comparison: EQUAL })]), summariseDrains('y', [drainRun(1)])];
  const [, , request, drained] = doorsTable(cases).split('\n');
  expect(request).toMatch(/equal$/);
  expect(drained).toMatch(/once$/);
});

test('the table of the worker says whether all is stored once', () => {
  const cases = [summariseDrains('x', [drainRun(1)]), summariseDrains('x', [drainRun(1, ['a row is missing'])])];
  const [, , once, faulty] = workerTable(cases).split('\n');
  expect(once).toMatch(/once$/);
  expect(faulty).toMatch(/1 FAULTS$/);
});

test('what takes turns is compared in all turns together', () => {
  const rates = (...all: number[]) => all.map((eventsPerSecond) => ({ eventsPerSecond }));
  expect(ratioOfTurns(rates(90, 120, 60), rates(100, 150, 50))).toBeCloseTo(0.9);
});

describe('a soak is unsteady', () => {
  const turn = (counts: object) => {
    const found = measurement(1);
    return { ...found, report: { ...found.report, measured: { ...found.report.measured, ...counts } } };
  };
  const memory = (firstMb: number, lastMb: number) => ({ firstMb, lastMb, maxMb: 200, mbPerMinute: 0 });

  test('where more than one in twenty of all its turns was shed, or found no connection', () => {
    const calm = turn({ acknowledged: 900 });
    expect(unsteady([calm, turn({ acknowledged: 1000, shed: 50, unsent: 50 })], undefined)).toEqual([]);
    expect(unsteady([calm, turn({ acknowledged: 999, shed: 51, unsent: 50 })], undefined)).toEqual([
      '51 requests were shed, and 50 found no free connection: 5.1 % of all',
    ]);
  });

  test('where its memory grew, of what all its turns saw together', () => {
    const turnWith = (from: number, ...mbs: number[]) => {
      const found = measurement(1);
      return { ...found, report: { ...found.report, memory: mbs.map((mb, i) => ({ minute: from + i, mb })) } };
    };
    const seen = memoryInAll([turnWith(0, 90, 130, 140), turnWith(10, 135, 134, 136), turnWith(20, 130, 150, 160)]);
    expect(seen).toMatchObject({ firstMb: 130, lastMb: 150, maxMb: 160 });
  });

  test('by more than is flat', () => {
    expect(unsteady([turn({})], memory(130, 146))).toEqual([]);
    expect(unsteady([turn({})], memory(130, 147))).toEqual(['memory grew from 130 to 147 MB']);
  });
});

test('a column that no case has anything for is left out', () => {
  expect(caseTable([summarise('x', [measurement(1)])])).not.toContain('first → last third');
  const memory = { firstMb: 130, lastMb: 132, maxMb: 140, mbPerMinute: 0 };
  expect(caseTable([{ ...summarise('x', [measurement(1)]), memory }])).toMatch(/first → last third.*\n.*\n.*130 → 132/);
});
