export { createQueryRouter, type QueryRouterOptions } from './create-query-router.ts';
export { exportLines } from './user-data/export-lines.ts';
