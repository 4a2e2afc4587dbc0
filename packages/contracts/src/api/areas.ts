import { analytics, predecessorReads } from './analytics.ts';
import { deadLetters } from './dead-letters.ts';
import { events } from './events.ts';
import { exports } from './exports.ts';
import { health } from './health.ts';
import { ledger } from './ledger.ts';
import { machines } from './machines.ts';
import type { Area } from './operation.ts';
import { predecessorWrites } from './predecessors.ts';
import { segment } from './segment.ts';
import { series } from './series.ts';
import { sessions } from './sessions.ts';
import { tail } from './tail.ts';
import { traces } from './traces.ts';
import { userData } from './user-data.ts';

/** All that is served over HTTP, in the order in which a newcomer reads it. */
export const AREAS: readonly Area[] = [
  events,
  sessions,
  segment,
  predecessorWrites,
  traces,
  machines,
  series,
  analytics,
  predecessorReads,
  tail,
  exports,
  ledger,
  deadLetters,
  userData,
  health,
];
