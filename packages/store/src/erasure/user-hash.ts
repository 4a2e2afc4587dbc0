import { createHmac } from 'node:crypto';

/** What is kept of an erased user: without the secret of the database it tells nothing, and it differs by project. */
export function userHash(secret: Buffer, projectId: number, userId: string): Buffer {
  return createHmac('sha256', secret).update(`${projectId}\0${userId}`).digest();
}
