export { createEmbeddedLog, type EmbeddedLogOptions } from './create-embedded-log.ts';
