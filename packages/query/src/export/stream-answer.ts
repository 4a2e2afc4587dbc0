import { once } from 'node:events';
import type { LongReader } from '@wayline/store';
import type { Response } from 'express';
import type { Completeness } from '../completeness.ts';
import { isoTime } from '../iso-time.ts';
import type { Tally } from './event-chunks.ts';

/** An answer of any length. */
export interface StreamedAnswer {
  contentType: string;
  /** For whoever saves it. */
  fileName: string;
  /** Its text, made over one snapshot, no faster than it is sent. What it throws before the first chunk is answered as a problem document. */
  chunks(reader: LongReader, tally: Tally): AsyncIterable<string>;
}

/** Why an answer ended before its time, for the log of the program. */
export class BrokenOffError extends Error {
  override readonly name = 'BrokenOffError';
}

/** Clients and proxies give up where no answer begins. */
const HEAD_AFTER_MS = 5_000;

export interface Patience {
  /**
   * For how long nothing more may be taken of what waits for the client, ms. The system takes more only once a good part of the
   * MB in its buffers is read: a client that reads little, if steadily, looks for that long like one that does not read.
   */
  clientMs: number;
  /** How long the database may be silent, ms: it may look through much to find little. */
  databaseMs: number;
}

/** The headers of an export: what it is, and how complete, known before it is read. */
export function exportHeaders(
  { contentType, fileName }: StreamedAnswer,
  complete: Completeness,
): Record<string, string> {
  const lagging = complete.lagging.map(({ topic, partition, records }) => `${topic}/${partition};records=${records}`);
  return {
    'Content-Type': contentType,
    'Content-Disposition': `attachment; filename="${fileName}"`,
    'Cache-Control': 'no-store',
    'Wayline-Complete-Through': complete.throughMs === null ? 'unknown' : isoTime(complete.throughMs),
    ...(lagging.length > 0 && { 'Wayline-Lagging': listed(lagging) }),
  };
}

/** Clients bound the size of headers. */
const MOST_LISTED = 50;

const listed = (items: readonly string[]): string =>
  [
    ...items.slice(0, MOST_LISTED),
    ...(items.length > MOST_LISTED ? [`more;partitions=${items.length - MOST_LISTED}`] : []),
  ].join(', ');

/**
 * Sends chunks as fast as the client takes them. Aborts where the client goes away, or either side makes no progress; whoever
 * makes the chunks must end then.
 */
export async function sendChunks(
  chunks: AsyncIterable<string>,
  {
    response,
    headers,
    abort,
    patience,
  }: {
    response: Response;
    headers: Readonly<Record<string, string>>;
    abort: AbortController;
    patience: Patience;
  },
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = (ms: number, why: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new BrokenOffError(why)), ms);
  };
  const sendHead = (): void => {
    if (response.headersSent || abort.signal.aborted) return;
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.flushHeaders();
  };
  // What is wrong at once is told by a problem document; who searches long is told that it goes on.
  const early = setTimeout(sendHead, HEAD_AFTER_MS);
  try {
    bound(patience.databaseMs, 'the database was silent for too long');
    for await (const chunk of chunks) {
      sendHead();
      if (chunk !== '' && !response.write(chunk)) {
        bound(patience.clientMs, 'the client took nothing for too long');
        await once(response, 'drain', { signal: abort.signal });
      }
      bound(patience.databaseMs, 'the database was silent for too long');
    }
  } finally {
    clearTimeout(timer);
    clearTimeout(early);
  }
}
