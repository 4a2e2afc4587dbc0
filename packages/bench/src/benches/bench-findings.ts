import type { BenchCase } from '../report/bench-report.ts';

export interface BenchFindings {
  cases: BenchCase[];
  /** Sentences about what must hold and does not. */
  failures: string[];
}
