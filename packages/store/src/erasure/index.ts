export { type EraseUserOptions, type ErasureReport, eraseUser } from './erase-user.ts';
export { isErased } from './tombstones.ts';
