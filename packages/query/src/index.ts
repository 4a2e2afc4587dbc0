export { createQueryRouter, type QueryRouterOptions } from './create-query-router.ts';
