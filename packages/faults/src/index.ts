export type { FaultsReport } from './report/faults-report.ts';
