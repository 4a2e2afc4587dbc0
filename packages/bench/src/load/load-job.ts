import type { MemorySample } from '../measure/sample-memory.ts';
import type { ClosedLoopOptions } from './closed-loop.ts';
import type { LoadDoor } from './door-form.ts';
import type { RunIds } from './event-ids.ts';
import type { OpenLoopOptions } from './open-loop.ts';
import type { TallyReport } from './tally.ts';

/** Whom the process that makes the load is to load, and with what. */
export interface LoadAim {
  port: number;
  writeKey: string;
  eventsPerRequest: number;
  /** Default `events`. */
  door?: LoadDoor;
  ids: RunIds;
  /** Events of now, of sessions that end: where what is derived of them is measured, too. Only at the door `events`. */
  live?: boolean;
  /** At a lower priority than what it loads, for clients that would be elsewhere: else their work is also taken from the server's. */
  yields?: boolean;
  /** Processes whose use of the CPU is measured in the same moments. */
  serverPid: number;
  brokerPid?: number;
}

export interface LoadJob extends LoadAim {
  shape: LoadShape;
  /** Not counted in what was measured, but in the comparison with the log. */
  warmupSeconds: number;
  seconds: number;
}

export type LoadShape = ({ kind: 'closed' } & ClosedLoopOptions) | ({ kind: 'open' } & OpenLoopOptions);

/** What came of a load in a while that was measured. */
export interface WhileReport {
  /** The length of the measured while. */
  seconds: number;
  measured: TallyReport;
  /** With what was before it, and the last answers. */
  whole: TallyReport;
  firstFault: string | undefined;
  /** User and system, µs, in the measured while. */
  cpuMicros: { server?: number; broker?: number; load: number };
  /** The server's, from the beginning of the measured while. */
  peakRssMb: number | undefined;
  /** The server's, in the measured while. */
  memory: MemorySample[];
}

/** What was sent in all, to be compared with the log. */
export interface SentReport {
  sentRequests: number;
  /** The bits of the `NumberSet` of acknowledged requests, base64. */
  acknowledged: string;
}

/** What it tells when it is done. */
export interface LoadReport extends WhileReport, SentReport {}
