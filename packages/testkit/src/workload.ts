import type { IdentifiedEvent } from '@wayline/contracts';
import { seededRandom } from './seeded-random.ts';

/** Which workload: the same values give the same events, byte for byte, on every machine and in every version. */
export interface WorkloadOptions {
  /** Number of events. Default 100,000. */
  count?: number;
  /** A whole number from 0 below 2³². Default 1. */
  seed?: number;
  /** The time of the first, in a form that `Date.parse` reads. Default 2026-01-05T00:00:00Z. */
  start?: string;
  /** The hours over which the events are spread evenly. Default 24. */
  hours?: number;
}

/** The longest a session gets; the mean is about `MEAN_SESSION_EVENTS`. */
const MAX_SESSION_EVENTS = 501;
const MEAN_SESSION_EVENTS = 40;
const MAX_ACTIVE_SESSIONS = 300;
const EVENTS_PER_USER = 120;
const SERVICE_SHARE = 0.25;
const APP_CHANGE_SHARE = 0.08;
const FAILED_CALL_SHARE = 0.02;

const APPS = ['shop-web', 'shop-ios', 'shop-android', 'checkout-web', 'support-desktop', 'kiosk-embedded'];
const SERVICES = ['catalog', 'cart', 'payment', 'search', 'recommendation', 'inventory', 'shipping', 'identity'];
const VARIANTS = ['8', '9', 'a', 'b'];
const AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
];
/** As often as they stand here. */
const TYPES = [
  ...['pageVisit', 'pageVisit', 'pageVisit', 'objectInView', 'objectInView'],
  ...['objectInteraction', 'click', 'impression'],
];
const PAGES = Array.from({ length: 400 }, (_, i) => `/products/${i}/details-of-item-${(i * 7919) % 1000}`);

interface Visit {
  sessionId: string;
  userId: string;
  machineId: string;
  app: string;
  agent: string;
  eventsLeft: number;
}

/** What is drawn from the random numbers; the order of the draws is part of what makes the bytes. */
function createDice(seed: number) {
  const random = seededRandom(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const hex = (digits: number): string => {
    let text = '';
    for (let i = 0; i < digits; i++) text += below(16).toString(16);
    return text;
  };
  const pick = (list: readonly string[]): string => list[below(list.length)] as string;
  return {
    random,
    below,
    hex,
    pick,
    happens: (share: number): boolean => random() < share,
    /** Low numbers are far more frequent, as with real users and pages. */
    skewed: (n: number): number => Math.floor(n * random() ** 3),
    uuidV7(ms: number): string {
      const time = ms.toString(16).padStart(12, '0');
      const head = `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}`;
      return `${head}-${pick(VARIANTS)}${hex(3)}-${hex(12)}`;
    },
  };
}

/**
 * Traffic like that of a shop, for tests and benchmarks: sessions that begin, move between apps and end, microservices that
 * report into the same session, users on several machines. About 450 bytes an event, in order of time, each id unique.
 * @returns lines of NDJSON, each without its line end
 */
export function* generateEvents(options: WorkloadOptions = {}): Generator<string, void, undefined> {
  const { count = 100_000, seed = 1, start = '2026-01-05T00:00:00Z', hours = 24 } = options;
  const startMs = Date.parse(start);
  const spanMs = hours * 3_600_000;
  const dice = createDice(seed);
  const users = Math.max(1, Math.round(count / EVENTS_PER_USER));
  let begun = 0;

  function beginVisit(): Visit {
    const user = dice.skewed(users);
    return {
      sessionId: `s-${seed}-${(begun++).toString(36)}-${dice.hex(8)}`,
      userId: `u-${user}`,
      machineId: `m-${user}-${dice.below(3)}`,
      app: dice.pick(APPS),
      agent: dice.pick(AGENTS),
      eventsLeft: 1 + Math.min(MAX_SESSION_EVENTS - 1, Math.floor(-MEAN_SESSION_EVENTS * Math.log(1 - dice.random()))),
    };
  }

  const active = Math.max(1, Math.min(MAX_ACTIVE_SESSIONS, Math.round(count / MEAN_SESSION_EVENTS)));
  const visits = Array.from({ length: active }, beginVisit);
  for (let i = 0; i < count; i++) {
    const slot = dice.below(active);
    const visit = visits[slot] as Visit;
    const ms = startMs + Math.floor(((i + dice.random()) / count) * spanMs);
    const line = JSON.stringify(dice.happens(SERVICE_SHARE) ? serviceCall(dice, visit, ms) : appEvent(dice, visit, ms));
    if (--visit.eventsLeft === 0) visits[slot] = beginVisit();
    yield line;
  }
}

type Dice = ReturnType<typeof createDice>;

const origin = ({ sessionId }: Visit, type: string, ms: number) =>
  ({ sessionId, type, namespace: 'shop', occurredAt: new Date(ms).toISOString() }) as const;

const owner = ({ userId, machineId }: Visit) => ({ userId, machineId });

const amount = (dice: Dice): number => Math.round(dice.random() * 10_000) / 100;

function serviceCall(dice: Dice, visit: Visit, ms: number): IdentifiedEvent {
  return {
    eventId: dice.uuidV7(ms),
    ...origin(visit, 'serviceCall', ms),
    ...owner(visit),
    source: { kind: 'microservice', name: dice.pick(SERVICES), version: '2.4.1' },
    value: amount(dice),
    context: {
      operation: `op-${dice.below(20)}`,
      status: dice.happens(FAILED_CALL_SHARE) ? 500 : 200,
      traceId: dice.hex(32),
    },
  };
}

function appEvent(dice: Dice, visit: Visit, ms: number): IdentifiedEvent {
  if (dice.happens(APP_CHANGE_SHARE)) visit.app = dice.pick(APPS);
  return {
    eventId: dice.uuidV7(ms),
    ...origin(visit, dice.pick(TYPES), ms),
    ...owner(visit),
    source: { kind: 'app', name: visit.app, version: '5.1.0' },
    value: amount(dice),
    page: PAGES[dice.skewed(PAGES.length)],
    userAgent: visit.agent,
    context: { locale: 'en-GB', viewport: '1440x900' },
  };
}
