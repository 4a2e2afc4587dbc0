import { expect, test } from '@jest/globals';
import { Intake } from '../src/intake.ts';

const of = (partition: number) => ({ topic: 't', partition });

test('O4: what was in the log before is no arrival; what comes is, and so is told what is stored', () => {
  const intake = new Intake();
  intake.now(0);
  intake.fetched({ ...of(0), firstOffset: 0, endOffset: 1_000_000 }, 0);
  intake.stored({ ...of(0), offset: 5_000 }, 1_000);
  const first = intake.now(1_000);
  expect(first).toMatchObject({ arrived: 0, unstored: 995_000 });
  expect(first.stored).toBeGreaterThan(0);
  for (let second = 1; second <= 60; second++) {
    const ms = second * 1_000;
    const at = second * 5_000;
    intake.fetched({ ...of(0), firstOffset: at, endOffset: 1_000_000 + second * 8_000 }, ms);
    intake.stored({ ...of(0), offset: at + 5_000 }, ms + 900);
    intake.now(ms + 1_000);
  }
  const { arrived, stored } = intake.now(61_001);
  expect(arrived).toBeGreaterThan(7_900);
  expect(arrived).toBeLessThan(8_100);
  expect(stored).toBeGreaterThan(4_900);
  expect(stored).toBeLessThan(5_100);
});

test('O4: rates are of the last seconds, over all partitions', () => {
  const intake = new Intake();
  intake.now(0);
  for (let second = 0; second < 30; second++) {
    for (const partition of [0, 1, 2]) {
      intake.fetched({ ...of(partition), firstOffset: second * 10, endOffset: (second + 1) * 10 }, second * 1_000);
      intake.stored({ ...of(partition), offset: (second + 1) * 10 }, second * 1_000 + 500);
    }
    intake.now((second + 1) * 1_000);
  }
  const busy = intake.now(30_001);
  expect(busy.unstored).toBe(0);
  expect(busy.arrived).toBeGreaterThan(29);
  expect(busy.arrived).toBeLessThan(31);
  const calm = intake.now(50_000);
  expect(calm.arrived).toBeLessThan(1);
  expect(calm.stored).toBeLessThan(1);
});

test('O4: what was given back, or read again, counts once', () => {
  const intake = new Intake();
  intake.fetched({ ...of(0), firstOffset: 0, endOffset: 500 }, 0);
  intake.fetched({ ...of(0), firstOffset: 0, endOffset: 400 }, 10); // an older answer
  expect(intake.now(20).unstored).toBe(400);
  intake.stored({ ...of(1), offset: 7 }, 30); // never fetched here
  expect(intake.now(40)).toMatchObject({ arrived: 0, stored: 0 });
  expect(intake.now(130_000).unstored).toBe(0); // another worker's by now
});

/** Records that come evenly into ten partitions, which are fetched in turns, each so often. @returns the time of the last fetch, ms */
function fetchInTurns(intake: Intake, { perSecond, everyMs }: { perSecond: number; everyMs: number }): number {
  const each = (perSecond / 10) * (everyMs / 1_000);
  let nowMs = 0;
  for (let round = 1; round * everyMs <= 20_000; round++) {
    for (let partition = 0; partition < 10; partition++) {
      nowMs = round * everyMs + (partition * everyMs) / 10;
      const [firstOffset, endOffset] = [(round - 1) * each, round * each];
      intake.fetched({ ...of(partition), firstOffset, endOffset }, nowMs);
      intake.stored({ ...of(partition), offset: endOffset }, nowMs);
      intake.now(nowMs);
    }
  }
  return nowMs;
}

test.each([
  { what: 'little has gathered when it is fetched', perSecond: 30_000, everyMs: 80, late: false },
  {
    what: 'more than comes in a tenth of a second has, though all that is known of is stored',
    perSecond: 30_000,
    everyMs: 150,
    late: true,
  },
  { what: 'few come, however seldom', perSecond: 1_000, everyMs: 1_000, late: false },
])('whether events are late: $what', ({ perSecond, everyMs, late }) => {
  const intake = new Intake();
  const nowMs = fetchInTurns(intake, { perSecond, everyMs });
  expect(intake.isLate(nowMs)).toBe(late);
  expect(intake.isLate(nowMs + 10_000)).toBe(false); // what had gathered tells nothing any more
});
