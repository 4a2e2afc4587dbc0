export type { SchedulerSettings } from './batch-scheduler.ts';
export { createWorker, type Worker, type WorkerLogger, type WorkerOptions } from './worker.ts';
