export { IdentityError } from './identity-error.ts';
export { createProject, ensureProject, findProject, type Project } from './projects.ts';
export { createWriteKey, ensureWriteKey, type NewWriteKey, type WriteKey } from './write-keys.ts';
