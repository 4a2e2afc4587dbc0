import { ProblemError } from '@wayline/contracts';
import { authorize } from '@wayline/http';
import type { Verifier } from '@wayline/identity/verify';
import { eraseUser, type Pool } from '@wayline/store';
import type { Request, RequestHandler } from 'express';
import { isoTime } from '../iso-time.ts';
import { readParameters, storable } from '../parameters.ts';
import { untilClosed } from '../until-closed.ts';

export interface UserDataOptions {
  /** Erasing writes: no replica will do. */
  pool: Pool;
  verifier: Verifier;
  /** Turns faults of the database into problem documents. */
  withProblems<T>(work: Promise<T>): Promise<T>;
}

type Handler = RequestHandler<{ id: string }>;

/** `DELETE /v1/users/:id`, for the scope admin. It reads all events: give it time. */
export function userDataDoors({ pool, verifier, withProblems }: UserDataOptions): { erase: Handler } {
  return {
    async erase(request, response) {
      const { projectId, userId } = await asked(request, verifier);
      const beforeMs = readParameters(request.query, ['before']).time('before');
      if (beforeMs !== undefined && beforeMs > Date.now()) {
        throw new ProblemError('invalid_request', '`before` must not lie ahead.');
      }
      // Who goes away ends it after the step in hand; the same request goes on from there.
      const signal = untilClosed(response);
      const {
        beforeMs: reached,
        finished,
        ...counts
      } = await withProblems(eraseUser(pool, { projectId, userId, beforeMs, signal }));
      if (finished) response.json({ before: isoTime(reached), ...counts });
    },
  };
}

async function asked(
  request: Request<{ id: string }>,
  verifier: Verifier,
): Promise<{ projectId: number; userId: string }> {
  const { projectId } = await authorize(request, verifier, 'admin');
  return { projectId, userId: storable('id', request.params.id) };
}
