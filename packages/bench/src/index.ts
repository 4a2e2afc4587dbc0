export { main } from './main.ts';
export type { BenchCase, BenchReport, Reference } from './report/bench-report.ts';
