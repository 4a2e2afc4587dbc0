export { IdentityError } from './identity-error.ts';
export { createProject, ensureProject, findProject, type Project } from './projects.ts';
export {
  changeKey,
  changeProject,
  type KeyChanges,
  keySettings,
  type ProjectChanges,
  projectSettings,
} from './settings.ts';
export {
  createWriteKey,
  ensureWriteKey,
  findKey,
  listKeys,
  type NewWriteKey,
  revokeKey,
  type WriteKey,
} from './write-keys.ts';
