import type { Acknowledgements } from './acknowledgements.ts';
import type { FuzzReport } from './fuzz-report.ts';

/** What the parts of a run over the sockets have in common. */
export interface DoorsRun {
  port: number;
  writeKey: string;
  /** A time that is good for events, RFC 3339. */
  time: string;
  seed: number;
  inputs: number;
  report: FuzzReport;
  acknowledgements: Acknowledgements;
}

/** Nothing that is not stuck takes so long, on a machine that does other things as well. */
export const PATIENCE_MS = 30_000;
