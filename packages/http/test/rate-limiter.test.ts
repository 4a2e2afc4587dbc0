import { describe, expect, test } from '@jest/globals';
import { createRateLimiter, type Quota } from '../src/index.ts';

function limiter(maxCallers?: number) {
  let ms = 0;
  return {
    ...createRateLimiter({ now: () => ms, maxCallers }),
    wait(seconds: number) {
      ms += seconds * 1000;
    },
  };
}
const passing = (quota: Quota | undefined, tries: number) =>
  Array.from({ length: tries }, () => quota?.takeRequest()).filter((wait) => wait === undefined).length;

describe('I7: a rate limit', () => {
  test('lets a second’s worth pass at once, and then as many as the time brings', () => {
    const { quotaOf, wait } = limiter();
    const quota = quotaOf('k', { requestsPerSecond: 100 });
    expect(passing(quota, 150)).toBe(100);
    wait(0.5);
    expect(passing(quota, 150)).toBe(50);
    wait(60);
    expect(passing(quota, 150)).toBe(100);
  });

  test('over a minute of asking all the time, passes what it says, and one second’s worth', () => {
    const { quotaOf, wait } = limiter();
    const rates = { requestsPerSecond: 3 };
    let passed = 0;
    for (let i = 0; i < 600; i++) {
      passed += passing(quotaOf('k', rates), 5);
      wait(0.1);
    }
    expect(passed).toBeGreaterThanOrEqual(180);
    expect(passed).toBeLessThanOrEqual(183);
  });

  test('says after how many seconds one passes, and then one does', () => {
    const { quotaOf, wait } = limiter();
    const quota = quotaOf('k', { requestsPerSecond: 0.1 }) as Quota;
    expect(quota.takeRequest()).toBeUndefined();
    expect(quota.takeRequest()).toBe(10);
    wait(9);
    expect(quota.takeRequest()).toBe(1);
    wait(1);
    expect(quota.takeRequest()).toBeUndefined();
  });

  test('keeps the rate of events by a debt, whatever the size of the batches', () => {
    const { quotaOf, wait } = limiter();
    const quota = quotaOf('k', { eventsPerSecond: 100 }) as Quota;
    let events = 0;
    for (let i = 0; i < 1000; i++) {
      if (quota.takeRequest() === undefined) {
        quota.takeEvents(2500);
        events += 2500;
      }
      wait(0.1);
    }
    expect(events).toBeGreaterThanOrEqual(10_000);
    expect(events).toBeLessThanOrEqual(12_500); // the last batch is waited off afterwards
  });

  test('shows what is left of each limit, and when it is whole again', () => {
    const { quotaOf, wait } = limiter();
    const quota = quotaOf('k', { requestsPerSecond: 10, eventsPerSecond: 1000 }) as Quota;
    quota.takeRequest();
    quota.takeEvents(3500);
    expect(quota.policy()).toBe('"requests";q=10;w=1, "events";q=1000;w=1');
    expect(quota.state()).toBe('"requests";r=9;t=1, "events";r=0;t=4');
    wait(3);
    expect(quota.state()).toBe('"requests";r=10;t=0, "events";r=500;t=1');
  });

  test('a change of the limit holds from the next request on', () => {
    const { quotaOf } = limiter();
    expect(passing(quotaOf('k', { requestsPerSecond: 100 }), 10)).toBe(10);
    expect(passing(quotaOf('k', { requestsPerSecond: 2 }), 10)).toBe(2);
    expect(quotaOf('k', {})).toBeUndefined();
  });

  test('remembers a bounded number of callers; who has a debt is not forgotten for who has none', () => {
    const { quotaOf, wait } = limiter(100);
    const rates = { requestsPerSecond: 1, eventsPerSecond: 1 };
    const debtor = quotaOf('debtor', rates) as Quota;
    debtor.takeRequest();
    debtor.takeEvents(100_000);
    for (let i = 0; i < 1000; i++) {
      (quotaOf(`k-${i}`, rates) as Quota).takeRequest();
      if (i % 50 === 0) wait(2);
    }
    expect((quotaOf('debtor', rates) as Quota).takeRequest()).toBeGreaterThan(1000);
  });
});
