import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ProblemError } from '@wayline/contracts';
import { authorize } from '@wayline/http';
import type { Verifier } from '@wayline/identity/verify';
import { eraseUser, type Pool, readOnly } from '@wayline/store';
import type { Request, RequestHandler } from 'express';
import { isoTime } from '../iso-time.ts';
import { readParameters, storable } from '../parameters.ts';
import { untilClosed } from '../until-closed.ts';
import { exportLines } from './export-lines.ts';

export interface UserDataOptions {
  /** Erasing writes: no replica will do. */
  pool: Pool;
  verifier: Verifier;
  /** Turns faults of the database into problem documents. */
  withProblems<T>(work: Promise<T>): Promise<T>;
}

type Handler = RequestHandler<{ id: string }>;

/** `DELETE /v1/users/:id` and `GET /v1/users/:id/export`, for the scope admin. Both read all events: give them time. */
export function userDataDoors({ pool, verifier, withProblems }: UserDataOptions): { erase: Handler; export: Handler } {
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
    async export(request, response) {
      const { projectId, userId } = await asked(request, verifier);
      readParameters(request.query, []);
      response.setHeader('Content-Type', 'application/x-ndjson');
      response.setHeader('Cache-Control', 'no-store');
      const lines = (reader: Parameters<typeof exportLines>[0]) =>
        withLineEnds(exportLines(reader, { projectId, userId }));
      await withProblems(
        readOnly(pool, { statementTimeoutMs: 0, signal: untilClosed(response) }, (reader) =>
          // What fails midway breaks the connection off: a list that is cut short must not look whole.
          pipeline(Readable.from(lines(reader)), response),
        ),
      ).catch((error: unknown) => {
        if (!response.headersSent && !response.destroyed) throw error;
      });
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

async function* withLineEnds(lines: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield `${line}\n`;
}
