import { ProblemError } from '@wayline/contracts';
import { authorize, type HttpLogger } from '@wayline/http';
import type { Scope, Verifier } from '@wayline/identity/verify';
import type { LongReader, StoreLogger } from '@wayline/store';
import type { RequestHandler, Response } from 'express';
import type { Completeness } from '../completeness.ts';
import type { Asked } from '../door.ts';
import { readParameters, storable } from '../parameters.ts';
import { abortWhenClosed } from '../until-closed.ts';
import type { Tally } from './event-chunks.ts';
import type { EnterExport } from './export-slots.ts';
import { BrokenOffError, exportHeaders, type Patience, type StreamedAnswer, sendChunks } from './stream-answer.ts';

/** What an answer of any length is made of. @throws ProblemError where the parameters are wrong */
export type StreamDoor = (asked: Pick<Asked, 'projectId' | 'id' | 'parameters'>) => StreamedAnswer;

export interface Streaming {
  verifier: Verifier;
  /** Runs reads of any length over one snapshot; faults of the database become problem documents. */
  readLong<T>(signal: AbortSignal, work: (reader: LongReader) => Promise<T>): Promise<T>;
  completeness(): Promise<Completeness>;
  logger: Pick<HttpLogger, 'info'> & Pick<StoreLogger, 'warn'>;
  patience: Patience;
}

/** The trailer that tells how many events there were. */
const COUNT = 'Wayline-Events';

export interface Streamed {
  parameters: readonly string[];
  door: StreamDoor;
  scope?: Scope;
  enter: EnterExport;
}

/**
 * Serves answers of any length. One that is not whole ends with a reset connection, never as if it were: clients that do not look
 * at the framing, and proxies that speak HTTP/1.0, see that too. At the end a trailer says how many events there were.
 */
export function streamHandler(
  { verifier, readLong, completeness, logger, patience }: Streaming,
  { parameters: known, door, scope = 'read', enter }: Streamed,
): RequestHandler<{ id?: string }> {
  return async (request, response) => {
    const abort = abortWhenClosed(response, () => new BrokenOffError('the client went away'));
    const { projectId } = await authorize(request, verifier, scope);
    const id = storable('id', request.params.id ?? '');
    const answer = door({ projectId, id, parameters: readParameters(request.query, known) });
    const leave = enter();
    const tally: Tally = { events: 0 };
    const trailed = request.method === 'GET' && request.httpVersion !== '1.0';
    try {
      const headers = { ...exportHeaders(answer, await completeness()), ...(trailed && { Trailer: COUNT }) };
      await readLong(abort.signal, async (reader) => {
        // Only the head is asked for: the database is asked as far as the first chunk, so that it says what is not there.
        const chunks = request.method === 'HEAD' ? firstOf(answer.chunks(reader, tally)) : answer.chunks(reader, tally);
        await sendChunks(chunks, { response, headers, abort, patience });
      });
      if (trailed) response.addTrailers({ [COUNT]: String(tally.events) });
      response.end();
    } catch (error) {
      if (!response.headersSent && !response.destroyed) {
        throw error instanceof BrokenOffError ? tooSlow() : error;
      }
      const { reason } = abort.signal;
      const fields = { err: reason ?? error, events: tally.events, path: request.path };
      if (reason) logger.info(fields, 'an export was broken off');
      else logger.warn(fields, 'an export failed midway');
      breakOff(response);
    } finally {
      leave();
    }
  };
}

function breakOff(response: Response): void {
  const { socket } = response;
  if (socket && 'resetAndDestroy' in socket) socket.resetAndDestroy();
  response.destroy();
}

const tooSlow = (): ProblemError =>
  new ProblemError('database_unavailable', 'The database found nothing to send for too long; ask for less at once.', {
    retryAfterSeconds: 10,
  });

async function* firstOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const _ of chunks) {
    yield '';
    return;
  }
}
