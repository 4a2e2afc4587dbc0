export { createQueryRouter, type QueryRouterOptions } from './create-query-router.ts';
export { toListed as deadLetterSummary, toShown as deadLetterDetails } from './dead-letters/dead-letter-json.ts';
export { exportLines } from './user-data/export-lines.ts';
