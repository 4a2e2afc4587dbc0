export { createEmbeddedLog, type EmbeddedLogOptions } from './create-embedded-log.ts';
export { forgetGroup } from './forget-group.ts';
export { type LogOnDisk, lookAtEmbeddedLog } from './look-at-log.ts';
