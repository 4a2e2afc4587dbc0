/** How much a caller may send; a field that is absent sets no limit. */
export interface Rates {
  requestsPerSecond?: number;
  eventsPerSecond?: number;
}

/** What one caller has left. */
export interface Quota {
  /**
   * Counts a request, unless the quota of requests or of events is used up: then it answers with the whole seconds after
   * which there is some again.
   */
  takeRequest(): number | undefined;
  /**
   * Counts events, however many: how many a request holds is known only once it was read. What goes beyond the quota is a
   * debt, which is waited off before the next request; so a large batch passes now and then, and the rate is kept.
   */
  takeEvents(count: number): void;
  /** The header `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): quota and window of each limit. */
  policy(): string;
  /** The header `RateLimit`: what is left of each, and the seconds until it is whole again. */
  state(): string;
}

export interface RateLimiter {
  /** The quota of a caller; undefined where nothing limits it. */
  quotaOf(caller: string, rates: Rates): Quota | undefined;
}

interface Bucket {
  left: number;
  atMs: number;
}

interface Buckets {
  requests?: Bucket;
  events?: Bucket;
}

/**
 * Counts per process, over windows of one second. A caller whose quota is whole need not be remembered; of the others
 * at most `maxCallers` are, and the one seen first is forgiven.
 * @param options.now ms, of a clock that never goes back
 */
export function createRateLimiter({ now = () => performance.now(), maxCallers = 10_000 } = {}): RateLimiter {
  const callers = new Map<string, Buckets>();

  function bucketsOf(caller: string): Buckets {
    let buckets = callers.get(caller);
    if (!buckets) {
      if (callers.size >= maxCallers) forget();
      buckets = {};
      callers.set(caller, buckets);
    }
    return buckets;
  }

  /** A second without requests makes a quota whole, unless there is a debt. */
  function forget(): void {
    const before = now() - 1000;
    const isWhole = (bucket: Bucket | undefined) => !bucket || (bucket.atMs <= before && bucket.left >= 0);
    for (const [caller, { requests, events }] of callers) {
      if (isWhole(requests) && isWhole(events)) callers.delete(caller);
    }
    const [first] = callers.keys();
    if (callers.size >= maxCallers && first !== undefined) callers.delete(first);
  }

  /** The bucket as it is now: it fills evenly, to what a second may hold and at least one. */
  function filled(buckets: Buckets, name: keyof Buckets, perSecond: number | undefined): Bucket | undefined {
    if (perSecond === undefined) return undefined;
    const atMs = now();
    const quota = Math.max(1, perSecond);
    buckets[name] ??= { left: quota, atMs };
    const bucket = buckets[name];
    bucket.left = Math.min(quota, bucket.left + ((atMs - bucket.atMs) / 1000) * perSecond);
    bucket.atMs = atMs;
    return bucket;
  }

  return {
    quotaOf(caller, { requestsPerSecond, eventsPerSecond }) {
      if (requestsPerSecond === undefined && eventsPerSecond === undefined) return undefined;
      const buckets = bucketsOf(caller);
      const limits = [
        { name: 'requests', perSecond: requestsPerSecond },
        { name: 'events', perSecond: eventsPerSecond },
      ] as const;
      const each = (show: (name: string, perSecond: number, bucket: Bucket) => string): string =>
        limits
          .flatMap(({ name, perSecond }) => {
            const bucket = filled(buckets, name, perSecond);
            return bucket && perSecond !== undefined ? show(name, perSecond, bucket) : [];
          })
          .join(', ');
      return {
        takeRequest() {
          const requests = filled(buckets, 'requests', requestsPerSecond);
          const events = filled(buckets, 'events', eventsPerSecond);
          const waits = [
            requests && requests.left < 1 ? (1 - requests.left) / (requestsPerSecond as number) : 0,
            events && events.left < 1 ? (1 - events.left) / (eventsPerSecond as number) : 0,
          ];
          const seconds = Math.max(...waits);
          if (seconds > 0) return Math.max(1, Math.ceil(seconds));
          if (requests) requests.left--;
          return undefined;
        },
        takeEvents(count) {
          const events = filled(buckets, 'events', eventsPerSecond);
          if (events) events.left -= count;
        },
        policy: () => each((name, perSecond) => `"${name}";q=${Math.max(1, Math.floor(perSecond))};w=1`),
        state: () =>
          each((name, perSecond, { left }) => {
            const untilWhole = Math.ceil((Math.max(1, perSecond) - left) / perSecond);
            return `"${name}";r=${Math.max(0, Math.floor(left))};t=${untilWhole}`;
          }),
      };
    },
  };
}
