import type { IncomingMessage } from 'node:http';
import type { Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { ProblemError } from '@wayline/contracts';
import type { ByteBudget } from './byte-budget.ts';

export interface BodyLimits {
  /** The most bytes of one body, after inflation. */
  maxBytes: number;
  budget: ByteBudget;
}

type Head = Pick<IncomingMessage, 'headers'>;

const INFLATED_CHUNK = 64 * 1024;
/** With its first bytes a body holds room for all of it, up to so many; beyond, for so many times as much as has come. */
const HELD_AHEAD_BYTES = 64 * 1024;
const HELD_AHEAD_TIMES = 4;

export const bodyTooLarge = (maxBytes: number): ProblemError =>
  new ProblemError(
    'body_too_large',
    `The body is over ${maxBytes} bytes after inflation; send fewer events a request.`,
  );

/** What turns the bytes on the wire into the body; undefined where they are the body. */
function createInflater(encoding: string | undefined): Transform | undefined {
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return undefined;
    case 'gzip':
    case 'x-gzip':
      return createGunzip({ chunkSize: INFLATED_CHUNK });
    case 'deflate':
      return createInflate({ chunkSize: INFLATED_CHUNK });
    case 'br':
      return createBrotliDecompress({ chunkSize: INFLATED_CHUNK });
    default:
      throw new ProblemError('unsupported_media_type', 'Content-Encoding must be gzip, deflate or br, or absent.');
  }
}

/**
 * Why a body is not to be read, as far as the head of its request tells, before anything is spent on it: it is more than may
 * come, or than there is room for. Returned, not thrown: to throw is dear, and where more comes than can be taken it is the
 * price of a refusal that decides how much is.
 */
export function refusalByHead(request: Head, { maxBytes, budget }: BodyLimits): ProblemError | undefined {
  const announced = announcedBytes(request);
  if (announced > maxBytes) return bodyTooLarge(maxBytes);
  return budget.has(announced) ? undefined : budget.full;
}

/** Of a body, on the wire; 0 where the head does not say. */
function announcedBytes({ headers }: Head): number {
  return Number(headers['content-length'] ?? 0);
}

/** @throws ProblemError where the body is not to be read */
function judgeHead(request: IncomingMessage, limits: BodyLimits): number {
  const refusal = refusalByHead(request, limits);
  if (refusal) throw refusal;
  return announcedBytes(request);
}

/**
 * The same as `readBody`, at once, where the body came whole with the head and is not compressed: so most small ones do, if
 * this is asked a microtask after the head and not in the same call. Undefined where it did not. For a small request,
 * listening to a stream costs more than all that is done with the body.
 */
export function bodyAtHand(request: IncomingMessage, limits: BodyLimits): Buffer | undefined {
  const announced = judgeHead(request, limits);
  if (announced === 0 || request.readableLength !== announced) return undefined;
  if (request.headers['content-encoding'] !== undefined) return undefined;
  limits.budget.take(announced);
  const body: Buffer = request.read();
  request.resume(); // to its end, which the server waits for before it lets go of it
  return body;
}

/**
 * The body of a request, inflated. It has taken `length` bytes of the budget, which whoever is done with it must give
 * back. Rejects with a `ProblemError`, having given all back: too large, not as its Content-Encoding says, cut
 * off, or no budget left. How long a body may take is the server's `requestTimeout`.
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  if (request.readableEnded) throw new Error('The body was read before: no body parser may stand before this router');
  const { maxBytes, budget } = limits;
  const announced = judgeHead(request, limits);
  const inflater = createInflater(request.headers['content-encoding']);
  const source: Readable = inflater ? request.pipe(inflater) : request;

  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let taken = 0;
    let filled: (() => void) | undefined;

    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) return fail(bodyTooLarge(maxBytes));
      if (size > taken) {
        // With its first bytes, so that what would be refused half-way is refused before it is read. Not sooner, nor much
        // more than comes, or whoever only announces a body would hold what others could use.
        const ahead = Math.min(inflater ? 0 : announced, Math.max(HELD_AHEAD_BYTES, size * HELD_AHEAD_TIMES));
        const whole = Math.max(size, ahead);
        if (!budget.take(whole - taken)) return fail(budget.full);
        taken = whole;
        filled ??= budget.fill({ bytes: () => size, giveUp: () => fail(budget.full) });
      }
      chunks.push(chunk);
    };
    const onEnd = () => {
      stopReading();
      budget.correct(taken, size);
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size));
    };
    const onInflateError = () =>
      fail(new ProblemError('invalid_encoding', 'The body is not what its Content-Encoding says.'));
    const onCutOff = () => {
      // A request that was read to its end also closes, which may be before the inflater has given out all of it.
      if (!request.readableEnded) fail(new ProblemError('invalid_request', 'The body was cut off.'));
    };

    function fail(error: ProblemError): void {
      stopReading();
      budget.give(taken);
      reject(error);
    }

    function stopReading(): void {
      filled?.();
      source.off('data', onData).off('end', onEnd);
      request.off('close', onCutOff);
      if (inflater) {
        request.unpipe(inflater);
        inflater.off('error', onInflateError).on('error', ignore).destroy();
      }
      request.resume(); // What is left must be read off, or the client, still writing, would never see the answer.
    }

    source.on('data', onData).on('end', onEnd);
    inflater?.on('error', onInflateError);
    request.on('close', onCutOff);
  });
}

function ignore(): void {}
