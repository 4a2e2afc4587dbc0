export { changedJson } from './inputs/changed-json.ts';
export { type Damage, damage, damages } from './inputs/damage.ts';
export { HTTP_DOORS, type HttpDoor } from './inputs/http-doors.ts';
export type { FuzzReport } from './run/fuzz-report.ts';
