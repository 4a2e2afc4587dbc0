import type { MemoryCourse } from '../measure/sample-memory.ts';
import type { ClosedLoopOptions } from './closed-loop.ts';
import type { LoadDoor } from './door-form.ts';
import type { RunIds } from './event-ids.ts';
import type { OpenLoopOptions } from './open-loop.ts';
import type { TallyReport } from './tally.ts';

/** What the process that makes the load is told to do. */
export interface LoadJob {
  port: number;
  writeKey: string;
  eventsPerRequest: number;
  /** Default `events`. */
  door?: LoadDoor;
  ids: RunIds;
  /** Events of now, of sessions that end: where what is derived of them is measured, too. Only at the door `events`. */
  live?: boolean;
  shape: LoadShape;
  /** At a lower priority than what it loads, for clients that would be elsewhere: else their work is also taken from the server's. */
  yields?: boolean;
  /** Not counted in what was measured, but in the comparison with the log. */
  warmupSeconds: number;
  seconds: number;
  /** Processes whose use of the CPU is measured in the same moments. */
  serverPid: number;
  brokerPid?: number;
}

export type LoadShape = ({ kind: 'closed' } & ClosedLoopOptions) | ({ kind: 'open' } & OpenLoopOptions);

/** What it tells when it is done. */
export interface LoadReport {
  /** The length of the measured while. */
  seconds: number;
  measured: TallyReport;
  /** Of the whole run, with warming up and waiting for the last answers. */
  whole: TallyReport;
  sentRequests: number;
  /** The bits of the `NumberSet` of acknowledged requests, base64. */
  acknowledged: string;
  firstFault: string | undefined;
  /** User and system, µs, in the measured while. */
  cpuMicros: { server?: number; broker?: number; load: number };
  /** The server's, from the beginning of the measured while. */
  peakRssMb: number | undefined;
  /** The server's, in the measured while. */
  memory: MemoryCourse | undefined;
}
