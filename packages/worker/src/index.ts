export { type HopRemaker, type HopRemakerOptions, startHopRemaker } from './hop-remaker.ts';
export { type Maintenance, type MaintenanceOptions, startMaintenance } from './maintenance.ts';
export {
  type SettingsPublisher,
  type SettingsPublisherOptions,
  startSettingsPublisher,
} from './settings-publisher.ts';
export type { ThrottleSettings } from './throttle.ts';
export { startUserCounter, type UserCounter, type UserCounterOptions } from './user-counter.ts';
export { createWorker, type Worker, type WorkerOptions } from './worker.ts';
export type { WorkerLogger } from './worker-logger.ts';
