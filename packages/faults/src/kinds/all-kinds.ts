import { databaseFaults } from './database-faults.ts';
import type { FaultKind } from './fault-kind.ts';
import { clientFaults, ingestFaults } from './ingest-faults.ts';
import { logFaults } from './log-faults.ts';
import { workerFaults } from './worker-faults.ts';

export const ALL_KINDS: readonly FaultKind[] = [
  ...clientFaults,
  ...ingestFaults,
  ...workerFaults,
  ...databaseFaults,
  ...logFaults,
];
